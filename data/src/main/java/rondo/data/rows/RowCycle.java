package rondo.data.rows;

import java.util.OptionalLong;
import rondo.data.DataException;
import rondo.data.DocumentSource;
import rondo.data.PackedRows;

/** The rows of one source over and over, with an exact position; for one thread. */
public sealed interface RowCycle extends AutoCloseable permits TableCycle, StreamCycle, ShardCycle {

  /** The next row, read only; after the last row of a pass the first of the next. */
  int[] next();

  Cursor.Position position();

  /**
   * Goes on from {@code position}.
   *
   * @throws DataException if the source has not that position, so is not the one it was taken in
   */
  void seek(Cursor.Position position);

  /** What messages call the source. */
  String name();

  /** Whose share of the source this is. */
  Rank rank();

  @Override
  void close();

  /** A rank's share of the rows of a table in their order. */
  static RowCycle inOrder(RowTable table, String name, Rank rank) {
    return new TableCycle(table, name, OptionalLong.empty(), rank);
  }

  /**
   * A rank's share of the rows of a table, in each pass in another order, decided by {@code seed}
   * and the pass.
   */
  static RowCycle shuffled(RowTable table, String name, long seed, Rank rank) {
    return new TableCycle(table, name, OptionalLong.of(seed), rank);
  }

  /**
   * A rank's share of the rows of a source in their order, read as they are needed, so of any size;
   * it reads the others', too. The first is read at once; to seek, it reads again up to the
   * position.
   *
   * @throws DataException if there is no row, or the first is broken
   */
  static RowCycle streaming(DocumentSource source, Packing packing, Rank rank) {
    return new StreamCycle(source, packing, rank);
  }

  /**
   * A rank's share of packed rows of any size, in each pass in another order, decided by {@code
   * seed} and the pass: {@value ShardCycle#BLOCKS} blocks from anywhere in the data at a time are
   * mixed in memory, while the next ones are read. To seek, it reads no more than those.
   *
   * @param source of blocks of at most {@link rondo.data.ParquetWriter#GROUP} rows, or memory grows
   */
  static RowCycle shards(PackedRows source, Packing packing, long seed, Rank rank) {
    return new ShardCycle(source, packing, seed, rank);
  }

  /** The error of a cursor that does not fit. */
  static DataException changed(String name, Cursor.Position position, String found) {
    return new DataException(
        "%s: cannot go on at row %d%s: %s; the data has changed since the cursor was taken"
            .formatted(
                name, position.row(), position.size() < 0 ? "" : " of " + position.size(), found));
  }
}
