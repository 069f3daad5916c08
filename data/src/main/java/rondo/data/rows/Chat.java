package rondo.data.rows;

import java.util.Arrays;
import java.util.Locale;
import java.util.Optional;
import java.util.function.IntUnaryOperator;
import rondo.data.DataException;
import rondo.data.Document;
import rondo.data.tokenizer.Tokenizer;

/**
 * Conversations as rows of which only what an assistant says is predicted: its contents and the end
 * of its turns.
 *
 * @param system what the system says in front of a conversation that does not begin with it
 */
public record Chat(ChatTemplate template, Optional<String> system) {
  private static final String SYSTEM = "system";
  private static final String ASSISTANT = "assistant";

  /**
   * The row of a conversation: its first ids, {@code rowLength} at most, {@code ~id} where one is
   * not predicted; left out where no token of the row is an assistant's.
   */
  Encoded row(Document.Conversation conversation, DocumentIds ids, int rowLength) {
    int[] whole = ids(conversation, ids);
    int[] row = Arrays.copyOf(whole, Math.min(whole.length, rowLength));
    for (int i = 1; i < row.length; i++) {
      if (row[i] >= 0) {
        return Encoded.row(row, row.length < whole.length);
      }
    }
    return Encoded.row(new int[0], false);
  }

  /**
   * The ids of a conversation.
   *
   * @throws DataException if the tokenizer is not made for the template
   */
  private int[] ids(Document.Conversation conversation, DocumentIds ids) {
    Tokenizer words = ids.tokenizer(conversation);
    check(words);
    Text text = new Text(words);
    text.given.append(template.start);
    boolean hasSystem =
        !conversation.messages().isEmpty()
            && conversation.messages().getFirst().role().equals(SYSTEM);
    if (!hasSystem) {
      system.ifPresent(said -> text.message(new Document.Message(SYSTEM, said)));
    }
    conversation.messages().forEach(text::message);
    text.given.append(template.end);
    text.flush();
    return text.row;
  }

  private void check(Tokenizer words) {
    for (String marker : template.markers()) {
      if (words.encode(marker).length != 1) {
        throw new DataException(
            "tokenizer %s has no token %s: chat template %s is not made for it; name another one or its tokenizer"
                .formatted(words.name(), marker, template.name().toLowerCase(Locale.ROOT)));
      }
    }
  }

  /**
   * The row so far. It is encoded in pieces that end where a special token does or where an answer
   * begins, which is where a prompt ends when the model is asked.
   */
  private final class Text {
    private final Tokenizer words;
    private final StringBuilder given = new StringBuilder();
    private int[] row = new int[0];

    Text(Tokenizer words) {
      this.words = words;
    }

    void message(Document.Message message) {
      boolean answer =
          message.role().equals(ASSISTANT) || message.role().equals(template.assistant);
      String role = answer ? template.assistant : message.role();
      given.append(template.open).append(role).append(template.close).append(template.gap);
      String said = DocumentIds.strip(message.content()) + template.turn;
      if (answer) {
        flush();
        append(said, id -> id);
      } else {
        given.append(said);
      }
      given.append(template.behind);
    }

    private void flush() {
      append(given.toString(), id -> ~id);
      given.setLength(0);
    }

    private void append(String text, IntUnaryOperator mark) {
      int[] more = words.encode(text);
      int[] longer = Arrays.copyOf(row, row.length + more.length);
      for (int i = 0; i < more.length; i++) {
        longer[row.length + i] = mark.applyAsInt(more[i]);
      }
      row = longer;
    }
  }
}
