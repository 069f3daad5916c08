package rondo.train.study;

import java.util.List;
import java.util.Locale;
import java.util.TreeSet;
import rondo.train.study.StudyResult.Accuracy;

/** The study as Markdown tables, which a terminal shows as well as a page does. */
public final class StudyReport {
  /** What counts as solved in {@link #reach}. */
  public static final double SOLVED = 0.9;

  private StudyReport() {}

  /** Numbers of steps that a table shows: some up to the trained limit, the limit, six beyond. */
  public static List<Integer> shown(StudyConfig config) {
    int trained = config.trainedSteps();
    int beyond = config.testSteps() - trained;
    var steps = new TreeSet<>(List.of(1, Math.min(2, trained), Math.max(1, trained / 2), trained));
    for (int i = 1; i <= 6; i++) {
      steps.add(trained + beyond * i / 6);
    }
    return List.copyOf(steps);
  }

  /** Percent right: a row for each depth, a column for each number of steps. */
  public static String accuracy(StudyResult result) {
    var steps = shown(result.config());
    var table = new StringBuilder("| r \\ steps |");
    for (int s : steps) {
      table.append(s > result.config().trainedSteps() ? " **%d** |".formatted(s) : " " + s + " |");
    }
    table.append("\n|--:|").append("--:|".repeat(steps.size())).append('\n');
    for (var a : result.accuracy()) {
      table.append("| ").append(a.depth()).append(" |");
      for (int s : steps) {
        table.append(String.format(Locale.ROOT, " %.0f |", 100 * a.after(s)));
      }
      table.append('\n');
    }
    return table.toString();
  }

  /**
   * How many steps are solved: a row for each run, a column for each depth. A number of steps is
   * solved when it and every smaller one is right in {@link #SOLVED} of the problems.
   */
  public static String reach(List<StudyResult> runs) {
    var depths = runs.getFirst().config().depths();
    var table = new StringBuilder("| seed \\ r |");
    depths.forEach(r -> table.append(' ').append(r).append(" |"));
    table.append("\n|--:|").append("--:|".repeat(depths.size())).append('\n');
    for (var run : runs) {
      table.append("| ").append(run.seed()).append(" |");
      for (Accuracy a : run.accuracy()) {
        table.append(' ').append(a.reach(SOLVED)).append(" |");
      }
      table.append('\n');
    }
    return table.toString();
  }

  /** Everything: each arm's summary, then each run's table. */
  public static String markdown(List<Study.Arm> arms) {
    var text = new StringBuilder();
    for (var arm : arms) {
      var config = arm.runs().getFirst().config();
      text.append("## ").append(arm.name()).append("\n\n");
      text.append(
          String.format(
              Locale.ROOT,
              "%s; at most %d steps in training, %d in the test, chance %.0f %%.%n%n",
              arm.about(),
              config.trainedSteps(),
              config.testSteps(),
              100.0 / config.task().answers()));
      text.append("Steps solved (≥ 90 %) at each depth:\n\n").append(reach(arm.runs()));
      text.append('\n');
      for (var run : arm.runs()) {
        text.append(
            String.format(
                Locale.ROOT,
                "Seed %d: %d updates, %.0f GFLOP, last loss %.3f, deepest update r = %d; training"
                    + " %.0f s, test %.0f s, processor time %.0f s. Percent right, harder than"
                    + " trained in bold:%n%n",
                run.seed(),
                run.config().updates(),
                run.flops() * 1e-9,
                run.losses().getLast().loss(),
                run.deepest(),
                run.trainSeconds(),
                run.testSeconds(),
                run.cpuSeconds()));
        text.append(accuracy(run)).append('\n');
      }
    }
    return text.toString();
  }
}
