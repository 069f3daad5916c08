package rondo.data.rows;

import java.util.ArrayList;
import java.util.List;

/**
 * An exact place in a {@link Mixture}: what comes after it is what would have come.
 *
 * @param drawn rows drawn from the mixture so far
 * @param positions the place in each of its sources
 */
public record Cursor(long drawn, List<Position> positions) {

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
    long[] longs = new long[1 + 3 * positions.size()];
    longs[0] = drawn;
    for (int i = 0; i < positions.size(); i++) {
      longs[3 * i + 1] = positions.get(i).epoch();
      longs[3 * i + 2] = positions.get(i).row();
      longs[3 * i + 3] = positions.get(i).size();
    }
    return longs;
  }

  /** The cursor that {@link #toLongs} wrote. */
  public static Cursor of(long[] longs) {
    if (longs.length % 3 != 1) {
      throw new IllegalArgumentException(
          "a cursor of " + longs.length + " numbers, expected 1 and 3 for each source");
    }
    List<Position> positions = new ArrayList<>();
    for (int i = 1; i < longs.length; i += 3) {
      positions.add(new Position(longs[i], longs[i + 1], longs[i + 2]));
    }
    return new Cursor(longs[0], positions);
  }
}
