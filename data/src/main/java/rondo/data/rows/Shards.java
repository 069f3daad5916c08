package rondo.data.rows;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import rondo.data.ParquetWriter;

/** The rows of one folder, written a file at a time. The folder is made with its first row. */
final class Shards implements AutoCloseable {
  private final Path folder;
  private final int rowsPerShard;
  private final RowCutter cutter;
  private @Nullable ParquetWriter writer;
  private long rows;
  private int shards;

  Shards(Path folder, Pack pack) {
    this.folder = folder;
    rowsPerShard = pack.rowsPerShard();
    cutter = new RowCutter(pack.sequenceLength() + 1, pack.rule());
  }

  void add(Encoded document) {
    if (document.isRow()) {
      if (!document.isLeftOut()) {
        addRow(document.ids());
      }
      return;
    }
    cutter.add(document.ids());
    int @Nullable [] row;
    while ((row = cutter.next()) != null) {
      addRow(row);
    }
  }

  private void addRow(int[] row) {
    ParquetWriter to = writer();
    to.add(row);
    rows++;
    if (to.rows() == rowsPerShard) {
      write(to);
    }
  }

  private ParquetWriter writer() {
    if (writer == null) {
      try {
        Files.createDirectories(folder);
      } catch (IOException e) {
        throw new UncheckedIOException(folder + ": cannot be made: " + e.getMessage(), e);
      }
      writer = new ParquetWriter(folder);
    }
    return writer;
  }

  private void write(ParquetWriter to) {
    to.write(folder.resolve("%05d.parquet".formatted(shards)));
    shards++;
  }

  /** Writes the last file; a last short row is discarded. */
  void finish() {
    cutter.rest();
    if (writer != null && writer.rows() > 0) {
      write(writer);
    }
  }

  /** Rows so far, those of the file not yet written among them. */
  long rows() {
    return rows;
  }

  int shards() {
    return shards;
  }

  long discarded() {
    return cutter.discarded();
  }

  @Override
  public void close() {
    if (writer != null) {
      writer.close();
    }
  }
}
