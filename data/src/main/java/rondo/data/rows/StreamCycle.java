package rondo.data.rows;

import org.jspecify.annotations.Nullable;
import rondo.data.DocumentSource;

/** The rows of a source in their order, over and over, never more than a document in memory. */
final class StreamCycle implements RowCycle {
  private final DocumentSource source;
  private final Packing packing;
  private final Rank rank;
  private @Nullable RowReader reader;
  private long epoch;
  private long row;

  /** Reads the first row: data without one should be told before anything large is made. */
  StreamCycle(DocumentSource source, Packing packing, Rank rank) {
    this.source = source;
    this.packing = packing;
    this.rank = rank;
    RowTable.read(source, packing, 1);
  }

  @Override
  public int[] next() {
    int @Nullable [] found = read();
    if (found == null && row > 0) {
      close();
      epoch++;
      row = 0;
      found = read();
    }
    if (found == null) {
      throw rank.ranks() == 1
          ? RowTable.noRows(source, packing)
          : rank.tooMany(source.name(), rank.ranks() - 1);
    }
    row++;
    return found;
  }

  private int @Nullable [] read() {
    if (reader == null) {
      reader = packing.open(source);
    }
    // A row for every rank, or the pass is over: it is equally long for all.
    int @Nullable [] own = null;
    for (int i = 0; i < rank.ranks(); i++) {
      int @Nullable [] row = reader.next();
      if (row == null) {
        return null;
      }
      own = i == rank.rank() ? row : own;
    }
    return own;
  }

  @Override
  public Cursor.Position position() {
    return new Cursor.Position(epoch, row, -1);
  }

  @Override
  public void seek(Cursor.Position position) {
    close();
    epoch = position.epoch();
    row = 0;
    while (row < position.row()) {
      if (read() == null) {
        throw RowCycle.changed(source.name(), position, "there are " + row + " rows");
      }
      row++;
    }
  }

  @Override
  public String name() {
    return source.name();
  }

  @Override
  public Rank rank() {
    return rank;
  }

  @Override
  public void close() {
    if (reader != null) {
      reader.close();
      reader = null;
    }
  }
}
