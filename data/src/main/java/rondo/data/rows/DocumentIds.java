package rondo.data.rows;

import java.util.Optional;
import rondo.data.DataException;
import rondo.data.Document;
import rondo.data.rows.Packing.Special;
import rondo.data.tokenizer.SpecialIds;
import rondo.data.tokenizer.Tokenizer;

/**
 * The token ids of documents, all of them in the model's vocabulary. Threads may share it.
 *
 * @param special what goes around each text, as far as the tokenizer has it; a text that is trained
 *     on ({@link Special#BOS_EOS}) is without white space at its ends
 * @param vocabularySize the model's
 * @param model what is known of the model's special tokens
 */
record DocumentIds(
    Optional<Tokenizer> tokenizer, Special special, int vocabularySize, SpecialIds model) {

  /** The ids of a text and of what goes around it. */
  int[] of(Document.Text document) {
    Tokenizer words = tokenizer(document);
    boolean front = special != Special.NONE && words.bos().isPresent();
    boolean behind = special == Special.BOS_EOS && words.eos().isPresent();
    String text = document.text();
    int[] plain = words.encode(special == Special.BOS_EOS ? strip(text) : text);
    int[] ids = new int[plain.length + (front ? 1 : 0) + (behind ? 1 : 0)];
    System.arraycopy(plain, 0, ids, front ? 1 : 0, plain.length);
    if (front) {
      ids[0] = words.bos().getAsInt();
    }
    if (behind) {
      ids[ids.length - 1] = words.eos().getAsInt();
    }
    return ids;
  }

  /** The tokenizer, which there must be, with tokens that the model knows. */
  Tokenizer tokenizer(Document document) {
    Tokenizer words =
        tokenizer.orElseThrow(() ->
            new DataException(
                document.where()
                    + ": text, but no tokenizer: put a tokenizer.json into the model's folder,"
                    + " name its folder with data.tokenizer (recipe) or --tokenizer (rondo"
                    + " loss), or use a column input_ids"));
    if (words.vocabularySize() > vocabularySize) {
      throw new DataException(
          "%s: tokenizer %s has %d tokens, more than the model's vocabulary of %d: use the model's own tokenizer"
              .formatted(document.where(), words.name(), words.vocabularySize(), vocabularySize));
    }
    var other = SpecialIds.of(words).differsFrom(model);
    if (other.isPresent()) {
      throw new DataException(
          "%s: tokenizer %s has %s: use the model's own tokenizer, or give its config.json the ids of this one if it was trained with it"
              .formatted(document.where(), words.name(), other.get()));
    }
    return words;
  }

  /** The ids of a document that has been tokenised already. */
  int[] of(Document.Tokens document) {
    int[] ids = document.ids();
    for (int i = 0; i < ids.length; i++) {
      int id = ids[i] < 0 ? ~ids[i] : ids[i];
      if (id >= vocabularySize) {
        throw new DataException(
            "%s: input_ids[%d] is %d, outside the model's vocabulary of %d (0 to %d)"
                .formatted(document.where(), i, id, vocabularySize, vocabularySize - 1));
      }
    }
    return ids;
  }

  /** As Python's {@code str.strip}, with which the published corpora were prepared. */
  static String strip(String text) {
    int start = 0;
    int end = text.length();
    while (start < end && isSpace(text.charAt(start))) {
      start++;
    }
    while (end > start && isSpace(text.charAt(end - 1))) {
      end--;
    }
    return text.substring(start, end);
  }

  private static boolean isSpace(char c) {
    return Character.isWhitespace(c) || Character.isSpaceChar(c) || c == '\u0085';
  }
}
