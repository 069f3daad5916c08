package rondo.data.rows;

import java.util.ArrayList;
import java.util.List;

/**
 * An exact place in a {@link Mixture}: what comes after it is what would have come.
 *
 * @param drawn rows drawn from the mixture so far
 * @param ranks how many processes share the data: with another number of them, the rows of a pass
 *     would be others from here on
 * @param positions the place in each of its sources
 */
public record Cursor(long drawn, int ranks, List<Position> positions) {

  /**
   * A place in the endless rows of one source.
   *
   * @param epoch whole passes done
   * @param row rows done of the current pass
   * @param size rows of a pass, or -1 where that is not known; to notice that the data has changed
   */
  public record Position(long epoch, long row, long size) {}

  public Cursor {
    positions = List.copyOf(positions);
  }

  /** This cursor as plain numbers, for a run's state file. */
  public long[] toLongs() {
    long[] longs = new long[2 + 3 * positions.size()];
    longs[0] = drawn;
    for (int i = 0; i < positions.size(); i++) {
      longs[3 * i + 1] = positions.get(i).epoch();
      longs[3 * i + 2] = positions.get(i).row();
      longs[3 * i + 3] = positions.get(i).size();
    }
    longs[longs.length - 1] = ranks;
    return longs;
  }

  /** The cursor that {@link #toLongs} wrote; one without a number of ranks is of one process. */
  public static Cursor of(long[] longs) {
    if (longs.length == 0 || longs.length % 3 == 0) {
      throw new IllegalArgumentException(
          "a cursor of " + longs.length + " numbers, expected 2 and 3 for each source");
    }
    List<Position> positions = new ArrayList<>();
    for (int i = 1; i + 2 < longs.length; i += 3) {
      positions.add(new Position(longs[i], longs[i + 1], longs[i + 2]));
    }
    int ranks = longs.length % 3 == 2 ? (int) longs[longs.length - 1] : 1;
    return new Cursor(longs[0], ranks, positions);
  }
}
