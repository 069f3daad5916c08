package rondo.data.tokenizer;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.OptionalInt;

/**
 * The UTF-8 bytes of a text as ids 0 to 255, with BOS = 256 and EOS = 257: a vocabulary of 258 that
 * needs no file. {@link Tokenizers#files} spells it as a byte-level BPE without merges, which reads
 * back as the same ids, here and in Hugging Face's libraries.
 */
public record ByteTokenizer() implements Tokenizer {
  /** The id that begins a document. */
  public static final int BOS = 256;

  /** The id that ends a document. */
  public static final int EOS = 257;

  static final String BOS_TEXT = "<|bos|>";
  static final String EOS_TEXT = "<|eos|>";

  @Override
  public String name() {
    return "bytes";
  }

  @Override
  public int vocabularySize() {
    return 258;
  }

  /** Unlike a tokenizer read from a file, this one never takes text for BOS or EOS. */
  @Override
  public int[] encode(String text, boolean addSpecialTokens) {
    byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
    int shift = addSpecialTokens ? 1 : 0;
    int[] ids = new int[bytes.length + shift];
    if (addSpecialTokens) {
      ids[0] = BOS;
    }
    for (int i = 0; i < bytes.length; i++) {
      ids[i + shift] = bytes[i] & 0xff;
    }
    return ids;
  }

  @Override
  public String decode(int[] ids, boolean skipSpecialTokens) {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream(ids.length);
    for (int id : ids) {
      if (id >= 0 && id < 256) {
        bytes.write(id);
      } else if (!skipSpecialTokens && (id == BOS || id == EOS)) {
        bytes.writeBytes((id == BOS ? BOS_TEXT : EOS_TEXT).getBytes(StandardCharsets.UTF_8));
      }
    }
    return bytes.toString(StandardCharsets.UTF_8);
  }

  @Override
  public OptionalInt bos() {
    return OptionalInt.of(BOS);
  }

  @Override
  public OptionalInt eos() {
    return OptionalInt.of(EOS);
  }
}
