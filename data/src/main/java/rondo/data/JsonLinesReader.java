package rondo.data;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.core.JsonParser;
import tools.jackson.core.JsonToken;
import tools.jackson.core.ObjectReadContext;
import tools.jackson.core.json.JsonFactory;

/** A JSON object a line, with a column of text or of token ids. Empty lines are skipped. */
final class JsonLinesReader implements DocumentReader {
  private final Path file;
  private final BufferedReader reader;
  private final Optional<String> textColumn;
  private final JsonFactory json = new JsonFactory();
  private long line;

  JsonLinesReader(Path file, InputStream bytes, Optional<String> textColumn) {
    this.file = file;
    this.textColumn = textColumn;
    reader = new BufferedReader(new InputStreamReader(bytes, StandardCharsets.UTF_8.newDecoder()));
  }

  @Override
  public @Nullable Document next() {
    try {
      while (true) {
        String text = reader.readLine();
        if (text == null) {
          return null;
        }
        line++;
        if (!text.isBlank()) {
          return parse(text);
        }
      }
    } catch (CharacterCodingException e) {
      throw new DataException(
          file + " near line " + (line + 1) + ": not UTF-8; convert the file first", e);
    } catch (IOException e) {
      throw FileSource.unreadable(file, e);
    }
  }

  private Document parse(String text) {
    try (JsonParser parser = json.createParser(ObjectReadContext.empty(), text)) {
      if (parser.nextToken() != JsonToken.START_OBJECT) {
        throw broken("expected a JSON object, found " + excerpt(text), null);
      }
      StringBuilder columns = new StringBuilder();
      @Nullable Document found = null;
      int best = Columns.KNOWN.size();
      int @Nullable [] labels = null;
      while (parser.nextToken() == JsonToken.PROPERTY_NAME) {
        String column = parser.currentName();
        parser.nextToken();
        columns.append(columns.isEmpty() ? "" : ", ").append(column);
        int place = textColumn.map(List::of).orElse(Columns.KNOWN).indexOf(column);
        // The first of the columns that are looked for wins, in whichever order they come.
        if (place >= 0 && place < best) {
          found = document(column, parser);
          best = place;
        } else if (column.equals(Columns.LABELS) && isList(parser)) {
          labels = labels(parser);
        } else {
          parser.skipChildren();
        }
      }
      if (parser.nextToken() != null) {
        throw broken("something follows the JSON object", null);
      }
      if (found == null) {
        throw new DataException(Columns.missing(where().toString(), textColumn, columns));
      }
      return found instanceof Document.Tokens tokens && labels != null
          ? Document.Tokens.of(tokens.ids(), labels, tokens.where())
          : found;
    } catch (JacksonException e) {
      throw broken(e.getOriginalMessage() + ", in " + excerpt(text), e);
    }
  }

  private Document document(String column, JsonParser parser) {
    if (textColumn.isEmpty() && column.equals(Columns.TOKENS)) {
      return new Document.Tokens(ids(parser), where());
    }
    return switch (parser.currentToken()) {
      case VALUE_STRING -> new Document.Text(parser.getString(), where());
      case START_ARRAY -> new Document.Conversation(messages(column, parser), where());
      default -> throw broken("column \"" + column + "\" is no string and no messages", null);
    };
  }

  private List<Document.Message> messages(String column, JsonParser parser) {
    List<Document.Message> messages = new ArrayList<>();
    while (parser.nextToken() != JsonToken.END_ARRAY) {
      if (parser.currentToken() != JsonToken.START_OBJECT) {
        throw broken("column \"" + column + "\" holds no messages of role and content", null);
      }
      String role = null;
      String content = null;
      while (parser.nextToken() == JsonToken.PROPERTY_NAME) {
        String name = parser.currentName();
        boolean text = parser.nextToken() == JsonToken.VALUE_STRING;
        if (name.equals("role") && text) {
          role = parser.getString();
        } else if (name.equals("content") && text) {
          content = parser.getString();
        } else {
          parser.skipChildren();
        }
      }
      if (role == null || content == null) {
        throw broken(
            "message %d has no role or no content that is a string".formatted(messages.size() + 1),
            null);
      }
      messages.add(new Document.Message(role, content));
    }
    return messages;
  }

  private int[] ids(JsonParser parser) {
    if (!isList(parser)) {
      throw broken("column \"" + Columns.TOKENS + "\" is no list of ids", null);
    }
    int[] ids = new int[1024];
    int size = 0;
    while (parser.nextToken() != JsonToken.END_ARRAY) {
      boolean whole = parser.currentToken() == JsonToken.VALUE_NUMBER_INT;
      int id = whole ? parser.getIntValue() : -1;
      if (id < 0) {
        throw broken("\"" + Columns.TOKENS + "\" holds " + parser.getString() + ", no id", null);
      }
      if (size == ids.length) {
        ids = Arrays.copyOf(ids, 2 * size);
      }
      ids[size++] = id;
    }
    return Arrays.copyOf(ids, size);
  }

  private static boolean isList(JsonParser parser) {
    return parser.currentToken() == JsonToken.START_ARRAY;
  }

  /** Whole numbers as they are; other documents than those of ids may hold anything else here. */
  private static int[] labels(JsonParser parser) {
    IntStream.Builder labels = IntStream.builder();
    int depth = 1;
    while (depth > 0) {
      switch (parser.nextToken()) {
        case VALUE_NUMBER_INT -> labels.add(parser.getValueAsInt(Integer.MIN_VALUE));
        case START_ARRAY, START_OBJECT -> depth++;
        case END_ARRAY, END_OBJECT -> depth--;
        case PROPERTY_NAME -> {}
        default -> labels.add(Integer.MIN_VALUE); // refused with other wrong ones
      }
    }
    return labels.build().toArray();
  }

  private Document.Location where() {
    return new Document.Location(file, "line", line);
  }

  private DataException broken(String what, @Nullable Throwable cause) {
    String message = where() + ": not a usable line of JSON: " + what.replace('\n', ' ');
    return cause == null ? new DataException(message) : new DataException(message, cause);
  }

  private static String excerpt(String text) {
    return text.length() <= 60 ? text : text.substring(0, 60) + "…";
  }

  @Override
  public void close() {
    try {
      reader.close();
    } catch (IOException e) {
      throw FileSource.unreadable(file, e);
    }
  }
}
