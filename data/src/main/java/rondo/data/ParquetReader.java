package rondo.data;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Array;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** The rows of a Parquet file, streamed by DuckDB, which is looked for when the first is read. */
final class ParquetReader implements DocumentReader {
  private enum Kind {
    TOKENS,
    TEXT,
    MESSAGES
  }

  private final Path file;
  private final Connection connection;
  private final Statement statement;
  private final ResultSet rows;
  private final Kind kind;
  private final boolean labels;
  private final long bytes;
  private final long count;
  private long row;

  ParquetReader(Path file, Optional<String> textColumn) {
    this.file = file;
    connection = DuckDb.open(file);
    try {
      Statement made = connection.createStatement();
      made.execute("SET threads=1"); // rows in their order, and one row group in memory
      bytes = Files.size(file);
      count = count(made, file);
      Map<String, String> columns = columns(made, file);
      String column =
          textColumn.orElseGet(
              () -> Columns.KNOWN.stream().filter(columns::containsKey).findFirst().orElse(""));
      String type = columns.get(column);
      if (type == null) {
        String present = String.join(", ", columns.keySet());
        throw new DataException(Columns.missing(file.toString(), textColumn, present));
      }
      String selected = "\"" + column.replace("\"", "\"\"") + "\"";
      boolean hasLabels = false;
      if (textColumn.isEmpty() && column.equals(Columns.TOKENS)) {
        kind = Kind.TOKENS;
        hasLabels = hasLabels(columns);
        selected = tokenColumns(hasLabels);
      } else if (type.startsWith("STRUCT") && type.endsWith("[]")) {
        kind = Kind.MESSAGES;
        selected = "[m.role FOR m IN %1$s], [m.content FOR m IN %1$s]".formatted(selected);
      } else {
        kind = Kind.TEXT;
      }
      labels = hasLabels;
      String from = " FROM read_parquet(" + DuckDb.pattern(file) + ")";
      rows = made.executeQuery("SELECT " + selected + from);
      statement = made;
    } catch (SQLException e) {
      closeQuietly();
      throw unreadable(e);
    } catch (IOException e) {
      closeQuietly();
      throw FileSource.unreadable(file, e);
    } catch (DataException e) {
      closeQuietly();
      throw e;
    }
  }

  /** Rows by the file's own account. */
  private static long count(Statement statement, Path file) throws SQLException {
    String about = "parquet_file_metadata(" + DuckDb.pattern(file) + ")";
    try (ResultSet result = statement.executeQuery("SELECT num_rows FROM " + about)) {
      return result.next() ? result.getLong(1) : 0;
    }
  }

  /** The types of the columns by name. */
  static Map<String, String> columns(Statement statement, Path file) throws SQLException {
    Map<String, String> types = new LinkedHashMap<>();
    String all = "DESCRIBE SELECT * FROM read_parquet(" + DuckDb.pattern(file) + ")";
    try (ResultSet result = statement.executeQuery(all)) {
      while (result.next()) {
        types.put(result.getString(1), result.getString(2));
      }
    }
    return types;
  }

  @Override
  public @Nullable Document next() {
    try {
      if (!rows.next()) {
        return null;
      }
      row++;
      Document.Location where = new Document.Location(file, "row", row);
      return switch (kind) {
        case TOKENS -> tokens(rows, labels, where);
        case TEXT -> {
          String text = rows.getString(1);
          if (text == null) {
            throw new DataException(where + ": the text is NULL, expected a string");
          }
          yield new Document.Text(text, where);
        }
        case MESSAGES ->
            new Document.Conversation(messages(rows.getArray(1), rows.getArray(2), where), where);
      };
    } catch (SQLException e) {
      throw unreadable(e);
    }
  }

  /** Rows are taken to be equally long. */
  @Override
  public long bytesRead() {
    return count == 0 ? 0 : (long) ((double) bytes * row / count);
  }

  private static List<Document.Message> messages(
      @Nullable Array roles, @Nullable Array contents, Document.Location where)
      throws SQLException {
    List<Document.Message> messages = new ArrayList<>();
    if (roles != null
        && contents != null
        && roles.getArray() instanceof Object[] role
        && contents.getArray() instanceof Object[] content) {
      for (int i = 0; i < role.length; i++) {
        if (!(role[i] instanceof String r) || !(content[i] instanceof String c)) {
          throw new DataException(
              "%s: message %d has no role or no content that is a string".formatted(where, i + 1));
        }
        messages.add(new Document.Message(r, c));
      }
    }
    return messages;
  }

  /** Whether a file of these columns says which ids are predicted. */
  static boolean hasLabels(Map<String, String> columns) {
    return columns.getOrDefault(Columns.LABELS, "").matches("[A-Z]*INT(EGER)?\\[\\]");
  }

  /** What {@link #tokens} reads. */
  static String tokenColumns(boolean labels) {
    return labels ? Columns.TOKENS + ", " + Columns.LABELS : Columns.TOKENS;
  }

  /** The current row of {@link #tokenColumns}; all is predicted where labels are NULL. */
  static Document.Tokens tokens(ResultSet rows, boolean labels, Document.Location where)
      throws SQLException {
    int[] ids = ids(rows.getArray(1), where);
    Array marked = labels ? rows.getArray(2) : null;
    if (marked == null || !(marked.getArray() instanceof Object[] values)) {
      return new Document.Tokens(ids, where);
    }
    int[] label = new int[values.length];
    for (int i = 0; i < label.length; i++) {
      // What is no number is no label either, so it is refused with the others.
      label[i] = values[i] instanceof Number number ? number.intValue() : Integer.MIN_VALUE;
    }
    return Document.Tokens.of(ids, label, where);
  }

  private static int[] ids(@Nullable Array list, Document.Location where) throws SQLException {
    if (list == null || !(list.getArray() instanceof Object[] values)) {
      throw new DataException(where + ": input_ids is NULL, expected a list of ids");
    }
    int[] ids = new int[values.length];
    for (int i = 0; i < ids.length; i++) {
      ids[i] = id(values[i]);
      if (ids[i] < 0) {
        throw new DataException(
            "%s: input_ids[%d] is %s, expected a whole number from 0 to %d"
                .formatted(where, i, values[i], Integer.MAX_VALUE));
      }
    }
    return ids;
  }

  /** The id that a cell holds, or -1: fractions and numbers beyond an int are none. */
  private static int id(@Nullable Object cell) {
    long value =
        switch (cell) {
          case Byte b -> b;
          case Short s -> s;
          case Integer i -> i;
          case Long l -> l;
          case null, default -> -1;
        };
    return value < 0 || value > Integer.MAX_VALUE ? -1 : (int) value;
  }

  private DataException unreadable(SQLException e) {
    return unreadable(file, e);
  }

  static DataException unreadable(Path file, SQLException e) {
    return new DataException(file + ": not a readable Parquet file: " + DuckDb.reason(e), e);
  }

  private void closeQuietly() {
    try {
      connection.close();
    } catch (SQLException e) {
      // The error that led here is the one to report.
    }
  }

  @Override
  public void close() {
    try {
      rows.close();
      statement.close();
      connection.close();
    } catch (SQLException e) {
      throw unreadable(e);
    }
  }
}
