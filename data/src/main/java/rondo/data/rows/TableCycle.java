package rondo.data.rows;

import java.util.OptionalLong;

/** The rows of a table, over and over. A pass is equally long for every rank. */
final class TableCycle implements RowCycle {
  private final RowTable table;
  private final String name;
  private final OptionalLong seed;
  private final Rank rank;
  private final int size; // rows of a pass
  private int[] order = new int[0]; // of the current epoch, where rows are shuffled
  private long epoch;
  private int row;

  TableCycle(RowTable table, String name, OptionalLong seed, Rank rank) {
    this.table = table;
    this.name = name;
    this.seed = seed;
    this.rank = rank;
    size = table.size() / rank.ranks();
    if (size == 0) {
      throw rank.tooMany(name, table.size());
    }
    arrange();
  }

  private void arrange() {
    if (seed.isPresent()) {
      order = Draw.permutation(table.size(), seed.getAsLong(), epoch);
    }
  }

  @Override
  public int[] next() {
    if (row == size) {
      row = 0;
      epoch++;
      arrange();
    }
    int at = row++ * rank.ranks() + rank.rank();
    return table.row(seed.isPresent() ? order[at] : at);
  }

  @Override
  public Cursor.Position position() {
    return new Cursor.Position(epoch, row, table.size());
  }

  @Override
  public void seek(Cursor.Position position) {
    if (position.size() != table.size() || position.row() < 0 || position.row() > size) {
      throw RowCycle.changed(name, position, "there are " + table.size() + " rows");
    }
    epoch = position.epoch();
    row = (int) position.row();
    arrange();
  }

  @Override
  public String name() {
    return name;
  }

  @Override
  public Rank rank() {
    return rank;
  }

  @Override
  public void close() {}
}
