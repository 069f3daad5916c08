package rondo.bench;

import java.util.ArrayList;
import java.util.List;

/**
 * Seconds per run of one subject, one figure for each round. Subjects that are compared take turns
 * within a round, so that what else the machine does in the meantime hits them alike; ratios are
 * taken round by round.
 */
public record Timing(List<Double> rounds) {
  public Timing {
    rounds = List.copyOf(rounds);
    if (rounds.isEmpty()) {
      throw new IllegalArgumentException("timing: no rounds");
    }
  }

  /** The fastest round: what the subject can do undisturbed. */
  public double best() {
    return rounds.stream().mapToDouble(Double::doubleValue).min().orElseThrow();
  }

  public double median() {
    return median(rounds);
  }

  /** How many times as fast as {@code other}: the median of the ratios within each round. */
  public double speedOver(Timing other) {
    var ratios = new ArrayList<Double>();
    for (int i = 0; i < rounds.size(); i++) {
      ratios.add(other.rounds.get(i) / rounds.get(i));
    }
    return median(ratios);
  }

  static double median(List<Double> values) {
    var sorted = values.stream().sorted().toList();
    int n = sorted.size();
    return n % 2 == 1 ? sorted.get(n / 2) : (sorted.get(n / 2 - 1) + sorted.get(n / 2)) / 2;
  }

  /** Times subjects in turn; each is run until warm first. */
  public static List<Timing> interleaved(Rounds rounds, List<Runnable> subjects) {
    var runs = new ArrayList<Integer>();
    for (var subject : subjects) {
      subject.run(); // binds, pages in, starts threads
      runs.add(runsIn(rounds, subject));
    }
    var figures = new ArrayList<List<Double>>();
    subjects.forEach(_ -> figures.add(new ArrayList<>()));
    for (int round = 0; round < rounds.count(); round++) {
      for (int i = 0; i < subjects.size(); i++) {
        int turn = (i + round) % subjects.size(); // nobody always follows the same neighbour
        figures.get(turn).add(secondsPerRun(rounds, subjects.get(turn), runs.get(turn)));
      }
    }
    return figures.stream().map(Timing::new).toList();
  }

  /** How many runs fill a turn, found by doubling, which also warms up. */
  private static int runsIn(Rounds rounds, Runnable subject) {
    double seconds = rounds.seconds();
    for (int runs = 1; ; runs *= 2) {
      double took = secondsPerRun(rounds, subject, runs) * runs;
      if (took >= seconds / 2 || runs >= 1 << 24) {
        return Math.clamp(Math.round(runs * seconds / took), 1, 1 << 24);
      }
    }
  }

  private static double secondsPerRun(Rounds rounds, Runnable subject, int runs) {
    long start = rounds.clock().nanos();
    for (int i = 0; i < runs; i++) {
      subject.run();
    }
    return Math.max(rounds.clock().nanos() - start, 1) / 1e9 / runs;
  }
}
