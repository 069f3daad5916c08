package rondo.data.rows;

import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import rondo.data.DataException;
import rondo.data.Document;
import rondo.data.DocumentReader;
import rondo.data.PackedRows;
import rondo.data.PackedRows.Block;

/**
 * Packed rows in an order by seed, over and over. A pass takes the blocks of all files in an order
 * of its own, deals them to the ranks, and mixes the rows of {@link #BLOCKS} at a time, a window.
 * While a window is used up, the next is read, a row for a row, so that no step waits for a whole
 * one.
 */
final class ShardCycle implements RowCycle {
  static final int BLOCKS = 4;

  private static final long WITHIN = 0x7769_6e64L;

  private final PackedRows source;
  private final Packing packing;
  private final long seed;
  private final Rank rank;
  private @Nullable Window current;
  private @Nullable Window ahead;
  private long epoch;
  private long row;

  ShardCycle(PackedRows source, Packing packing, long seed, Rank rank) {
    this.source = source;
    this.packing = packing;
    this.seed = seed;
    this.rank = rank;
    if (pass(0).rows() == 0) {
      throw rank.ranks() == 1
          ? new DataException(source.name() + ": no row in it: use other data")
          : rank.tooMany(source.name(), source.rows());
    }
  }

  /**
   * What a rank goes over before it begins again.
   *
   * @param rows equally many for every rank
   */
  private record Pass(long epoch, List<Block> blocks, long rows) {
    int windows() {
      return (blocks.size() + BLOCKS - 1) / BLOCKS;
    }

    List<Block> window(int number) {
      int first = number * BLOCKS;
      return blocks.subList(first, Math.min(blocks.size(), first + BLOCKS));
    }
  }

  private Pass pass(long epoch) {
    List<Block> all = source.blocks();
    int[] order = Draw.permutation(all.size(), seed, epoch);
    int ranks = rank.ranks();
    long[] rows = new long[ranks];
    List<Block> own = new ArrayList<>();
    for (int i = 0; i < order.length; i++) {
      Block block = all.get(order[i]);
      rows[i % ranks] += block.count();
      if (i % ranks == rank.rank()) {
        own.add(block);
      }
    }
    long least = Long.MAX_VALUE;
    for (long r : rows) {
      least = Math.min(least, r);
    }
    return new Pass(epoch, own, least);
  }

  /** Rows that are mixed, and how far they have been read. */
  private final class Window {
    private final Pass pass;
    private final int number;
    private final long start; // rows of the pass before it
    private final long end;
    private final List<int[]> rows = new ArrayList<>();
    private final DocumentReader reader;
    private int[] order = new int[0];

    Window(Pass pass, int number, long start) {
      this.pass = pass;
      this.number = number;
      this.start = start;
      List<Block> blocks = pass.window(number);
      end = start + count(blocks);
      reader = source.open(blocks);
    }

    /** Reads one more row, where there is one. */
    boolean read() {
      if (reader.next() instanceof Document.Tokens tokens) {
        rows.add(packing.packed(tokens));
        return true;
      }
      return false;
    }

    /** Reads what is left. */
    Window whole() {
      while (read()) {}
      reader.close();
      order = Draw.permutation(rows.size(), Draw.bits(seed, WITHIN, pass.epoch()), number);
      return this;
    }

    int[] row(long ofPass) {
      return rows.get(order[(int) (ofPass - start)]);
    }

    Window following() {
      boolean last = number + 1 == pass.windows() || end >= pass.rows();
      return last ? new Window(pass(pass.epoch() + 1), 0, 0) : new Window(pass, number + 1, end);
    }
  }

  private static long count(List<Block> blocks) {
    return blocks.stream().mapToLong(Block::count).sum();
  }

  @Override
  public int[] next() {
    for (long tried = 0; tried <= source.rows(); tried++) {
      int[] found = take();
      if (found.length > 1) { // one of fewer ids predicts nothing
        return found;
      }
    }
    throw new DataException(source.name() + ": not one row of two ids in it: use other data");
  }

  private int[] take() {
    Window window = current == null ? at() : current;
    if (row == window.pass.rows() || row == window.end) {
      window = (ahead == null ? window.following() : ahead).whole();
      ahead = null;
      if (window.number == 0) {
        epoch = window.pass.epoch();
        row = 0;
      }
    }
    current = window;
    if (ahead == null) {
      ahead = window.following();
    }
    ahead.read();
    return window.row(row++);
  }

  /** The window of the position. */
  private Window at() {
    Pass pass = pass(epoch);
    long start = 0;
    int number = 0;
    while (number + 1 < pass.windows() && start + count(pass.window(number)) <= row) {
      start += count(pass.window(number++));
    }
    return new Window(pass, number, start).whole();
  }

  @Override
  public Cursor.Position position() {
    return new Cursor.Position(epoch, row, source.rows());
  }

  @Override
  public void seek(Cursor.Position position) {
    close();
    if (position.size() != source.rows()
        || position.row() < 0
        || position.row() > pass(position.epoch()).rows()) {
      throw RowCycle.changed(source.name(), position, "there are " + source.rows() + " rows");
    }
    epoch = position.epoch();
    row = position.row();
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
    if (ahead != null) {
      ahead.reader.close();
    }
    ahead = null;
    current = null;
  }
}
