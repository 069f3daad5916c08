package rondo.data.rows;

import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/** Cuts the ids of documents, one after the other, into rows. For one thread. */
final class RowCutter {
  private final int[] row;
  private final RowRule rule;
  private int filled;
  private int[] document = new int[0];
  private int taken;
  private long discarded;

  RowCutter(int rowLength, RowRule rule) {
    row = new int[rowLength];
    this.rule = rule;
  }

  /** The next document, when {@link #next} has no more rows of those before. */
  void add(int[] ids) {
    document = ids;
    taken = 0;
  }

  /** The next full row, or null when another document is needed. */
  int @Nullable [] next() {
    int step = Math.min(row.length - filled, document.length - taken);
    System.arraycopy(document, taken, row, filled, step);
    taken += step;
    filled += step;
    if (filled < row.length) {
      return null;
    }
    filled = 0;
    if (rule == RowRule.DOCUMENT) {
      discarded += document.length - taken;
      taken = document.length;
    }
    return row.clone();
  }

  /** Ends the pass: the ids of the last, short row, which count as discarded, too. */
  int[] rest() {
    int[] rest = Arrays.copyOf(row, filled);
    discarded += filled;
    filled = 0;
    return rest;
  }

  /** Ids that are in no full row. */
  long discarded() {
    return discarded;
  }
}
