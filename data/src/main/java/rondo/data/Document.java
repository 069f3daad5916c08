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

  /** Token ids from a column {@code input_ids}: a row that is used as it is. */
  final class Tokens implements Document {
    private final int[] ids;
    private final Location where;

    /** Takes {@code ids} over; the caller must not write into it any more. */
    public Tokens(int[] ids, Location where) {
      this.ids = ids;
      this.where = where;
    }

    /** The ids themselves, not a copy: read only. */
    public int[] ids() {
      return ids;
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
