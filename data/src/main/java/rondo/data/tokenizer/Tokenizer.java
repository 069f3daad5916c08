package rondo.data.tokenizer;

import java.util.OptionalInt;

/** A mapping between text and token ids; immutable and safe to share between threads. */
public sealed interface Tokenizer permits ByteTokenizer, BpeTokenizer {

  /** What this tokenizer is called in messages, such as the folder it came from. */
  String name();

  /** One more than the largest id, so the least number of rows an embedding table needs. */
  int vocabularySize();

  /**
   * The ids of {@code text}. Added tokens written out in the text (such as {@code </s>}) become
   * their ids, as in Hugging Face's libraries.
   *
   * @param addSpecialTokens whether to add what the tokenizer puts around a text by itself, such as
   *     a BOS in front
   */
  int[] encode(String text, boolean addSpecialTokens);

  /** The ids of {@code text} with nothing added around them. */
  default int[] encode(String text) {
    return encode(text, false);
  }

  /**
   * The text of {@code ids}. Bytes that are not UTF-8 become U+FFFD; ids that no token has (a
   * padded embedding table can produce them) are left out.
   *
   * @param skipSpecialTokens whether special tokens such as BOS and EOS are left out
   */
  String decode(int[] ids, boolean skipSpecialTokens);

  /** The text of {@code ids} without special tokens. */
  default String decode(int[] ids) {
    return decode(ids, true);
  }

  /** The id that begins a document, if there is one. */
  OptionalInt bos();

  /** The id that ends a document, if there is one. */
  OptionalInt eos();
}
