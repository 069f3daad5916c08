package rondo.data;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Optional;
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
      while (parser.nextToken() == JsonToken.PROPERTY_NAME) {
        String column = parser.currentName();
        parser.nextToken();
        columns.append(columns.isEmpty() ? "" : ", ").append(column);
        Document document = column(column, parser);
        // A column of tokens wins over a text column, whichever comes first.
        if (document != null && !(found instanceof Document.Tokens)) {
          found = document;
        }
      }
      if (parser.nextToken() != null) {
        throw broken("something follows the JSON object", null);
      }
      if (found == null) {
        throw new DataException(Columns.missing(where().toString(), textColumn, columns));
      }
      return found;
    } catch (JacksonException e) {
      throw broken(e.getOriginalMessage() + ", in " + excerpt(text), e);
    }
  }

  private @Nullable Document column(String name, JsonParser parser) {
    if (textColumn.isEmpty() && name.equals(Columns.TOKENS)) {
      return new Document.Tokens(ids(parser), where());
    }
    if (name.equals(textColumn.orElse(Columns.TEXT))) {
      if (parser.currentToken() == JsonToken.VALUE_STRING) {
        return new Document.Text(parser.getString(), where());
      }
      throw broken("column \"" + name + "\" is no string", null);
    }
    parser.skipChildren();
    return null;
  }

  private int[] ids(JsonParser parser) {
    if (parser.currentToken() != JsonToken.START_ARRAY) {
      throw broken("column \"" + Columns.TOKENS + "\" is no list of ids", null);
    }
    int[] ids = new int[1024];
    int size = 0;
    while (parser.nextToken() != JsonToken.END_ARRAY) {
      if (parser.currentToken() != JsonToken.VALUE_NUMBER_INT) {
        throw broken("\"" + Columns.TOKENS + "\" holds " + parser.getString() + ", no id", null);
      }
      if (size == ids.length) {
        ids = Arrays.copyOf(ids, 2 * size);
      }
      ids[size++] = parser.getIntValue();
    }
    return Arrays.copyOf(ids, size);
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
