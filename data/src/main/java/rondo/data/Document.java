package rondo.data;

import java.nio.file.Path;
import java.util.List;

/**
 * One document of a data set: text, a packed row of token ids, or a conversation; and where it was
 * read.
 */
public sealed interface Document {

  Location where();

  /** Text that a tokenizer has still to turn into tokens. */
  record Text(String text, Location where) implements Document {}

  /**
   * Token ids from a column {@code input_ids}. An id that is given but not to be predicted is its
   * complement, {@code ~id}, below 0: in files a column {@code labels}, as long, holds {@link
   * #IGNORED} there and the id itself everywhere else.
   */
  final class Tokens implements Document {
    /** The label of an id that is not to be predicted. */
    public static final int IGNORED = -100;

    private final int[] ids;
    private final Location where;

    /** Takes {@code ids} over; the caller must not write into it any more. */
    public Tokens(int[] ids, Location where) {
      this.ids = ids;
      this.where = where;
    }

    /**
     * Ids with their labels.
     *
     * @param ids taken over
     * @throws DataException if the labels are not as many, or other ones
     */
    static Tokens of(int[] ids, int[] labels, Location where) {
      if (labels.length != ids.length) {
        throw new DataException(
            "%s: %d labels for %d input_ids, expected as many"
                .formatted(where, labels.length, ids.length));
      }
      for (int i = 0; i < ids.length; i++) {
        if (labels[i] == IGNORED) {
          ids[i] = ~ids[i];
        } else if (labels[i] != ids[i]) {
          throw new DataException(
              "%s: labels[%d] is %d, expected input_ids[%d] = %d or %d: labels stand at their own ids, not one before"
                  .formatted(where, i, labels[i], i, ids[i], IGNORED));
        }
      }
      return new Tokens(ids, where);
    }

    /** The ids themselves, not a copy: read only. */
    public int[] ids() {
      return ids;
    }

    /** Whether some ids are not to be predicted, as in a conversation. */
    public boolean isMasked() {
      for (int id : ids) {
        if (id < 0) {
          return true;
        }
      }
      return false;
    }

    @Override
    public Location where() {
      return where;
    }
  }

  /**
   * What somebody says.
   *
   * @param role system, user, assistant
   */
  record Message(String role, String content) {}

  /** Messages in their order, from a column {@code messages}. */
  record Conversation(List<Message> messages, Location where) implements Document {
    public Conversation {
      messages = List.copyOf(messages);
    }
  }

  /**
   * The place of a document in a file, counted from 1.
   *
   * @param unit what is counted: line, row, document
   */
  record Location(Path file, String unit, long number) {
    @Override
    public String toString() {
      return file + " " + unit + " " + number;
    }
  }
}
