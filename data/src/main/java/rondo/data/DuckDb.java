package rondo.data;

import java.nio.file.Path;
import java.sql.Connection;
import java.sql.Driver;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.Properties;
import java.util.ServiceLoader;

/**
 * Databases in memory through which Parquet files pass; DuckDB is looked for when one is opened.
 */
final class DuckDb {
  private static final String URL = "jdbc:duckdb:";

  private DuckDb() {}

  /**
   * Opens an empty database.
   *
   * @param file what it is for, named by the error when DuckDB is not there
   */
  static Connection open(Path file) {
    Properties properties = new Properties();
    properties.setProperty("jdbc_stream_results", "true");
    try {
      for (Driver driver : ServiceLoader.load(Driver.class)) {
        if (driver.acceptsURL(URL)) {
          Connection connection = driver.connect(URL, properties);
          if (connection != null) {
            return prepared(connection);
          }
        }
      }
    } catch (SQLException e) {
      throw new DataException(file + ": DuckDB does not start: " + e.getMessage(), e);
    }
    throw new DataException(
        file
            + ": Parquet passes through DuckDB, which is not there:"
            + " add org.duckdb:duckdb_jdbc:2.0.0.1 to the class path, or use .jsonl");
  }

  private static Connection prepared(Connection connection) throws SQLException {
    try (Statement statement = connection.createStatement()) {
      // Never a network connection from library code.
      statement.execute("SET autoinstall_known_extensions=false");
      statement.execute("SET autoload_known_extensions=false");
      return connection;
    } catch (SQLException e) {
      connection.close();
      throw e;
    }
  }

  /** A file as DuckDB reads it: a path is a pattern there, and brackets the only way to quote. */
  static String pattern(Path file) {
    return "'" + file.toString().replaceAll("[\\[*?]", "[$0]").replace("'", "''") + "'";
  }

  /** A file as DuckDB writes it: the name alone. */
  static String literal(Path file) {
    return "'" + file.toString().replace("'", "''") + "'";
  }

  /** The first line of what DuckDB says. */
  static String reason(SQLException e) {
    return String.valueOf(e.getMessage()).lines().findFirst().orElse("");
  }
}
