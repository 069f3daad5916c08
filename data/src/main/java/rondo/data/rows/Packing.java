package rondo.data.rows;

import java.util.Optional;
import rondo.data.DataException;
import rondo.data.Document;
import rondo.data.DocumentSource;
import rondo.data.tokenizer.SpecialIds;
import rondo.data.tokenizer.Tokenizer;

/**
 * How documents become rows. Text is tokenised, joined into one stream and cut into disjoint rows
 * of {@code sequenceLength + 1} ids, wherever documents end. A document of ids ({@code input_ids})
 * is a row as it is; ones of fewer than two ids predict nothing and are left out.
 *
 * @param sequenceLength how many tokens a row predicts, at least 1
 * @param vocabularySize the model's; an id outside it is an error
 * @param tokenizer for text; data of ids needs none
 * @param special what goes around each text, as far as the tokenizer has it
 * @param keepLast whether the last, short row of the stream is kept (evaluation) or left out
 * @param chat how conversations are written out, one to a row; where there are none it is not
 *     needed
 * @param model what is known of the model's special tokens; a tokenizer with others is refused
 */
public record Packing(
    int sequenceLength,
    int vocabularySize,
    Optional<Tokenizer> tokenizer,
    Special special,
    boolean keepLast,
    Optional<Chat> chat,
    SpecialIds model) {

  /** The ids around each text. */
  public enum Special {
    NONE,
    /** BOS in front. */
    BOS,
    /** BOS in front and EOS behind. */
    BOS_EOS
  }

  public Packing {
    if (sequenceLength < 1 || vocabularySize < 1) {
      throw new IllegalArgumentException(
          "sequence length %d and vocabulary %d, expected at least 1"
              .formatted(sequenceLength, vocabularySize));
    }
  }

  /** Without conversations, for a model whose special tokens are not known. */
  public Packing(
      int sequenceLength,
      int vocabularySize,
      Optional<Tokenizer> tokenizer,
      Special special,
      boolean keepLast) {
    this(
        sequenceLength,
        vocabularySize,
        tokenizer,
        special,
        keepLast,
        Optional.empty(),
        SpecialIds.NONE);
  }

  /** The same with a way to write conversations out. */
  public Packing with(Optional<Chat> how) {
    return new Packing(sequenceLength, vocabularySize, tokenizer, special, keepLast, how, model);
  }

  /** The same for a model of which more is known. */
  public Packing with(SpecialIds known) {
    return new Packing(sequenceLength, vocabularySize, tokenizer, special, keepLast, chat, known);
  }

  /** For training: BOS and EOS around each text, the short rest left out. */
  public static Packing training(
      int sequenceLength, int vocabularySize, Optional<Tokenizer> tokenizer) {
    return new Packing(sequenceLength, vocabularySize, tokenizer, Special.BOS_EOS, false);
  }

  /** For losses: BOS in front of each text, the short rest kept. */
  public static Packing evaluation(
      int sequenceLength, int vocabularySize, Optional<Tokenizer> tokenizer) {
    return new Packing(sequenceLength, vocabularySize, tokenizer, Special.BOS, true);
  }

  /** The rows of {@code source}, made as they are asked for. */
  public RowReader open(DocumentSource source) {
    return new Packer(this, source.open());
  }

  /**
   * A row that has been packed before.
   *
   * @throws DataException if it is too long or holds an id outside the vocabulary
   */
  int[] packed(Document.Tokens row) {
    int[] ids = row.ids();
    if (ids.length > rowLength()) {
      throw new DataException(
          "%s: a packed row of %d ids, expected at most sequence_length + 1 = %d: set sequence_length to %d"
              .formatted(row.where(), ids.length, rowLength(), ids.length - 1));
    }
    return ids().of(row);
  }

  /**
   * How {@code conversation} is written out.
   *
   * @throws DataException if that is not known
   */
  Chat chat(Document.Conversation conversation) {
    return chat.orElseThrow(() ->
        new DataException(
            conversation.where()
                + ": a conversation, but no template: set data.chat in a recipe, or --chat (rondo pack)"));
  }

  /** The ids of documents. */
  DocumentIds ids() {
    return new DocumentIds(tokenizer, special, vocabularySize, model);
  }

  /** The ids of a full row. */
  int rowLength() {
    return sequenceLength + 1;
  }
}
