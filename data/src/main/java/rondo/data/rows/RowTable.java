package rondo.data.rows;

import java.util.ArrayList;
import java.util.List;
import java.util.function.LongConsumer;
import org.jspecify.annotations.Nullable;
import rondo.data.DataException;
import rondo.data.DocumentSource;

/** The rows of a source in memory, 4 bytes an id, reached by number. */
public final class RowTable {
  /** The most that the ids of a table take. */
  private static final long MOST_BYTES = 1L << 31;

  private final List<int[]> rows;
  private final long predicted;
  private final long cut;
  private final long leftOut;

  private RowTable(List<int[]> rows, long predicted, long cut, long leftOut) {
    this.rows = rows;
    this.predicted = predicted;
    this.cut = cut;
    this.leftOut = leftOut;
  }

  /** The most full rows that a table holds. */
  public static long mostRows(int sequenceLength) {
    return MOST_BYTES / Integer.BYTES / (sequenceLength + 1);
  }

  /**
   * Reads all rows.
   *
   * @throws DataException if there are none, or more than 2 GiB of them
   */
  public static RowTable read(DocumentSource source, Packing packing) {
    return read(source, packing, Long.MAX_VALUE);
  }

  /** Reads the first {@code limit} rows, or all if there are fewer. */
  public static RowTable read(DocumentSource source, Packing packing, long limit) {
    return read(source, packing, limit, _ -> {});
  }

  /**
   * As {@link #read(DocumentSource, Packing, long)}, watched.
   *
   * @param progress told the number of rows read, after each
   */
  public static RowTable read(
      DocumentSource source, Packing packing, long limit, LongConsumer progress) {
    List<int[]> rows = new ArrayList<>();
    long ids = 0;
    long predicted = 0;
    long cut;
    long leftOut;
    try (RowReader reader = packing.open(source)) {
      int @Nullable [] row;
      while (rows.size() < limit && (row = reader.next()) != null) {
        rows.add(row);
        progress.accept(rows.size());
        ids += row.length;
        for (int i = 1; i < row.length; i++) {
          predicted += row[i] < 0 ? 0 : 1;
        }
        if (Integer.BYTES * ids > MOST_BYTES) {
          throw new DataException(
              source.name()
                  + ": more than 2 GiB of rows do not fit in memory: pack text with rondo pack, or use shuffle: false");
        }
      }
      cut = reader.cut();
      leftOut = reader.leftOut();
    }
    if (rows.isEmpty()) {
      throw noRows(source, packing);
    }
    return new RowTable(rows, predicted, cut, leftOut);
  }

  static DataException noRows(DocumentSource source, Packing packing) {
    return new DataException(
        source.name()
            + ": not one row of sequence_length + 1 = "
            + packing.rowLength()
            + " tokens in it: use more data or a smaller sequence_length");
  }

  public int size() {
    return rows.size();
  }

  /** Row {@code index} itself, not a copy: read only. */
  public int[] row(int index) {
    return rows.get(index);
  }

  /** Rows that were cut to sequence_length + 1 ids. */
  public long cut() {
    return cut;
  }

  /** Conversations that are no row, as they leave no assistant's token to predict. */
  public long leftOut() {
    return leftOut;
  }

  /** How many tokens the rows predict: of text, one less than its ids for each row. */
  public long predicted() {
    return predicted;
  }

  /** One pass over the rows in their order. */
  public RowReader open() {
    return new RowReader() {
      private int at;

      @Override
      public int @Nullable [] next() {
        return at < rows.size() ? rows.get(at++) : null;
      }

      @Override
      public void close() {}
    };
  }
}
