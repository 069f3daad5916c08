package rondo.bench;

/**
 * How long to measure, and by which clock.
 *
 * @param count rounds; in each one every subject takes its turn
 * @param seconds of each turn, about
 */
public record Rounds(int count, double seconds, Clock clock) {
  public Rounds {
    if (count < 1 || !(seconds > 0)) {
      throw new IllegalArgumentException(
          "rounds: " + count + " of " + seconds + " s; both must be positive");
    }
  }
}
