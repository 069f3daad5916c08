package rondo.data;

import java.nio.file.Path;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * Rows of token ids in Parquet files, any part of which can be read without those before it. What
 * is known at first is only what the files say about themselves.
 */
public final class PackedRows {
  private final Path path;
  private final List<Block> blocks;
  private final long rows;

  /**
   * Consecutive rows of a file, all of one row group.
   *
   * @param first counted from 0
   * @param labels whether the file has a column of labels
   */
  public record Block(Path file, long first, int count, boolean labels) {}

  private PackedRows(Path path, List<Block> blocks) {
    this.path = path;
    this.blocks = List.copyOf(blocks);
    rows = blocks.stream().mapToLong(Block::count).sum();
  }

  /**
   * The rows of a Parquet file, or of the files of a folder in the order of their names.
   *
   * @param blockRows rows of a block at most
   * @return nothing where a file is no Parquet file or has no column {@code input_ids}
   * @throws DataException if there is no file, or one cannot be read
   */
  public static Optional<PackedRows> find(Path path, int blockRows) {
    List<Path> files = FileSource.files(path);
    if (files.isEmpty() || !files.stream().allMatch(f -> FileSource.kind(f).equals(".parquet"))) {
      return Optional.empty();
    }
    List<Block> blocks = new ArrayList<>();
    try (Connection connection = DuckDb.open(path);
        Statement statement = connection.createStatement()) {
      for (Path file : files) {
        try {
          Map<String, String> columns = ParquetReader.columns(statement, file);
          if (!columns.containsKey(Columns.TOKENS)) {
            return Optional.empty();
          }
          addBlocks(statement, file, blockRows, ParquetReader.hasLabels(columns), blocks);
        } catch (SQLException e) {
          throw ParquetReader.unreadable(file, e);
        }
      }
    } catch (SQLException e) {
      throw ParquetReader.unreadable(path, e);
    }
    return Optional.of(new PackedRows(path, blocks));
  }

  private static void addBlocks(
      Statement statement, Path file, int blockRows, boolean labels, List<Block> blocks)
      throws SQLException {
    long first = 0;
    try (ResultSet groups =
        statement.executeQuery(
            "SELECT row_group_num_rows FROM parquet_metadata(%s) WHERE column_id = 0 ORDER BY row_group_id"
                .formatted(DuckDb.pattern(file)))) {
      while (groups.next()) {
        long end = first + groups.getLong(1);
        for (; first < end; first += blockRows) {
          blocks.add(new Block(file, first, (int) Math.min(blockRows, end - first), labels));
        }
        first = end;
      }
    }
  }

  /** What messages call these rows. */
  public String name() {
    return path.toString();
  }

  /** All rows, in the order of files and in theirs. */
  public List<Block> blocks() {
    return blocks;
  }

  /** Rows of all files. */
  public long rows() {
    return rows;
  }

  /** The rows of some blocks, one block after the other, read as they are asked for. */
  public DocumentReader open(List<Block> some) {
    return new BlockReader(path, new ArrayDeque<>(some));
  }

  private static final class BlockReader implements DocumentReader {
    private final Deque<Block> waiting;
    private final Connection connection;
    private @Nullable Block block;
    private @Nullable Statement statement;
    private @Nullable ResultSet rows;
    private int read; // of the block

    BlockReader(Path path, Deque<Block> waiting) {
      this.waiting = waiting;
      connection = DuckDb.open(path);
    }

    @Override
    public @Nullable Document next() {
      while (block == null || read == block.count()) {
        block = waiting.poll();
        if (block == null) {
          return null;
        }
        read = 0;
        open(block);
      }
      Document.Location where =
          new Document.Location(block.file(), "row", block.first() + read + 1);
      try {
        if (rows == null || !rows.next()) {
          throw new DataException(
              where + ": is not there, though the file says so: write it again");
        }
        read++;
        return ParquetReader.tokens(rows, block.labels(), where);
      } catch (SQLException e) {
        throw ParquetReader.unreadable(block.file(), e);
      }
    }

    private void open(Block block) {
      try {
        if (statement == null) {
          statement = connection.createStatement();
          statement.execute("SET threads=1"); // rows in their order, one row group in memory
        }
        // Row groups outside the block are passed over unread.
        rows =
            statement.executeQuery(
                "SELECT %s FROM read_parquet(%s, file_row_number=true) WHERE file_row_number >= %d AND file_row_number < %d"
                    .formatted(
                        ParquetReader.tokenColumns(block.labels()),
                        DuckDb.pattern(block.file()),
                        block.first(),
                        block.first() + block.count()));
      } catch (SQLException e) {
        throw ParquetReader.unreadable(block.file(), e);
      }
    }

    @Override
    public void close() {
      try {
        connection.close();
      } catch (SQLException e) {
        throw new DataException("DuckDB does not close: " + e.getMessage(), e);
      }
    }
  }
}
