package rondo.data;

import java.nio.file.Path;
import java.sql.Array;
import java.sql.Connection;
import java.sql.Driver;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Properties;
import java.util.ServiceLoader;
import org.jspecify.annotations.Nullable;

/** The rows of a Parquet file, streamed by DuckDB, which is looked for when the first is read. */
final class ParquetReader implements DocumentReader {
  private static final String URL = "jdbc:duckdb:";

  private final Path file;
  private final Connection connection;
  private final Statement statement;
  private final ResultSet rows;
  private final boolean tokens;
  private long row;

  ParquetReader(Path file, Optional<String> textColumn) {
    this.file = file;
    connection = connect(file);
    try {
      statement = connection.createStatement();
      // Never a network connection from library code.
      statement.execute("SET autoinstall_known_extensions=false");
      statement.execute("SET autoload_known_extensions=false");
      String table = "read_parquet('" + literal(file) + "')";
      List<String> columns = columns(table);
      tokens = textColumn.isEmpty() && columns.contains(Columns.TOKENS);
      String column = tokens ? Columns.TOKENS : textColumn.orElse(Columns.TEXT);
      if (!columns.contains(column)) {
        String present = String.join(", ", columns);
        throw new DataException(Columns.missing(file.toString(), textColumn, present));
      }
      rows =
          statement.executeQuery("SELECT \"" + column.replace("\"", "\"\"") + "\" FROM " + table);
    } catch (SQLException e) {
      closeQuietly();
      throw unreadable(e);
    } catch (DataException e) {
      closeQuietly();
      throw e;
    }
  }

  private static Connection connect(Path file) {
    Properties properties = new Properties();
    properties.setProperty("jdbc_stream_results", "true");
    try {
      for (Driver driver : ServiceLoader.load(Driver.class)) {
        if (driver.acceptsURL(URL)) {
          Connection connection = driver.connect(URL, properties);
          if (connection != null) {
            return connection;
          }
        }
      }
    } catch (SQLException e) {
      throw new DataException(file + ": DuckDB does not start: " + e.getMessage(), e);
    }
    throw new DataException(
        file
            + ": Parquet is read through DuckDB, which is not there:"
            + " add org.duckdb:duckdb_jdbc:2.0.0.1 to the class path, or convert to .jsonl");
  }

  // DuckDB takes a path for a pattern, and knows brackets as the only way to quote in one.
  private static String literal(Path file) {
    return file.toString().replaceAll("[\\[*?]", "[$0]").replace("'", "''");
  }

  private List<String> columns(String table) throws SQLException {
    List<String> names = new ArrayList<>();
    try (ResultSet result = statement.executeQuery("DESCRIBE SELECT * FROM " + table)) {
      while (result.next()) {
        names.add(result.getString(1));
      }
    }
    return names;
  }

  @Override
  public @Nullable Document next() {
    try {
      if (!rows.next()) {
        return null;
      }
      row++;
      Document.Location where = new Document.Location(file, "row", row);
      if (tokens) {
        return new Document.Tokens(ids(rows.getArray(1), where), where);
      }
      String text = rows.getString(1);
      if (text == null) {
        throw new DataException(where + ": the text is NULL, expected a string");
      }
      return new Document.Text(text, where);
    } catch (SQLException e) {
      throw unreadable(e);
    }
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
    String reason = String.valueOf(e.getMessage()).lines().findFirst().orElse("");
    return new DataException(file + ": not a readable Parquet file: " + reason, e);
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
