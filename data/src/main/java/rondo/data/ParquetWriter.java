package rondo.data;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import org.duckdb.DuckDBAppender;
import org.duckdb.DuckDBConnection;
import org.jspecify.annotations.Nullable;

/**
 * Writes rows of token ids to Parquet files: a column {@code input_ids}, a list of int32,
 * compressed with Zstandard, in row groups of 2048 rows. A file with a row of which not all is
 * predicted has a second one, {@code labels}: the same ids, or {@link Document.Tokens#IGNORED};
 * NULL for rows of which all is. The rows of a file are in memory until it is written, 4 bytes an
 * id and as many a label. For one thread.
 */
public final class ParquetWriter implements AutoCloseable {
  /** Rows of a row group, the least that a reader decodes at once. */
  public static final int GROUP = 2048;

  private static final String TABLE = "packed";

  private final Path where;
  private final Connection connection;
  private @Nullable DuckDBAppender appender;
  private long rows;
  private boolean labelled;

  /**
   * @param where what is written, for messages
   * @throws DataException if DuckDB is not there
   */
  public ParquetWriter(Path where) {
    this.where = where;
    connection = DuckDb.open(where);
    // One thread keeps the order of rows, and leaves the others to tokenizers.
    try {
      execute("SET threads=1");
    } catch (RuntimeException e) {
      close();
      throw e;
    }
  }

  /**
   * Adds a row to the file that is written next.
   *
   * @param row as in {@link Document.Tokens}: an id that is not predicted is its complement
   */
  public void add(int[] row) {
    try {
      if (appender == null) {
        execute(
            "CREATE OR REPLACE TABLE %s(%s INTEGER[], %s INTEGER[])"
                .formatted(TABLE, Columns.TOKENS, Columns.LABELS));
        appender = connection.unwrap(DuckDBConnection.class).createAppender("main", TABLE);
        labelled = false;
      }
      int[] ids = row.clone();
      int[] labels = row.clone();
      boolean masked = false;
      for (int i = 0; i < row.length; i++) {
        if (row[i] < 0) {
          ids[i] = ~row[i];
          labels[i] = Document.Tokens.IGNORED;
          masked = true;
        }
      }
      appender.beginRow().append(ids);
      if (masked) {
        appender.append(labels);
      } else {
        appender.appendNull();
      }
      appender.endRow();
      labelled |= masked;
      rows++;
    } catch (SQLException e) {
      throw unwritten(where, e);
    }
  }

  /** Rows added since the last file. */
  public long rows() {
    return rows;
  }

  /**
   * Writes the rows added since the last file to {@code file}, which must not be there, and waits
   * until they are on the disk. With no row nothing is written.
   *
   * @throws UncheckedIOException if it cannot be written
   */
  public void write(Path file) {
    if (appender == null) {
      return;
    }
    try {
      appender.close();
      appender = null;
      execute(
          "COPY (SELECT %s FROM %s) TO %s (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE %d)"
              .formatted(ParquetReader.tokenColumns(labelled), TABLE, DuckDb.literal(file), GROUP));
      execute("DROP TABLE " + TABLE);
      rows = 0;
      try (FileChannel written = FileChannel.open(file, StandardOpenOption.WRITE)) {
        written.force(true);
      }
    } catch (SQLException e) {
      throw unwritten(file, e);
    } catch (IOException e) {
      throw new UncheckedIOException(file + ": cannot be written: " + e.getMessage(), e);
    }
  }

  private void execute(String sql) {
    try (Statement statement = connection.createStatement()) {
      statement.execute(sql);
    } catch (SQLException e) {
      throw unwritten(where, e);
    }
  }

  private static UncheckedIOException unwritten(Path file, SQLException e) {
    return new UncheckedIOException(
        file + ": cannot be written: " + DuckDb.reason(e), new IOException(e));
  }

  @Override
  public void close() {
    try {
      connection.close(); // with the table and what fills it
    } catch (SQLException e) {
      throw unwritten(where, e);
    }
  }
}
