package rondo.data.rows;

import rondo.data.DataException;

/**
 * One of several processes that train together. In a pass over the data no two of them see the same
 * row, and all see equally many: what is left over is left out of that pass.
 *
 * @param rank from 0
 * @param ranks how many there are
 */
public record Rank(int rank, int ranks) {
  /** A process that trains alone. */
  public static final Rank ONLY = new Rank(0, 1);

  public Rank {
    if (rank < 0 || rank >= ranks) {
      throw new IllegalArgumentException(
          "rank %d of %d, expected 0 to %d".formatted(rank, ranks, ranks - 1));
    }
  }

  DataException tooMany(String name, long rows) {
    return new DataException(
        "%s: at most %d rows for %d ranks, expected one for each: use more data or fewer ranks"
            .formatted(name, rows, ranks));
  }
}
