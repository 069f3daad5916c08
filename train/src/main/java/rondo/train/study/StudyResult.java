package rondo.train.study;

import java.util.List;

/**
 * What one run gave.
 *
 * @param parameters of the model
 * @param flops of training, recomputation and optimiser included
 * @param deepest largest depth that training drew
 * @param trainSeconds wall time of training
 * @param testSeconds wall time of the test
 * @param cpuSeconds processor time of this process meanwhile; 0 where the platform does not tell
 * @param losses mean training loss since the entry before
 * @param accuracy by depth, in the order of {@link StudyConfig#depths}
 */
public record StudyResult(
    StudyConfig config,
    long seed,
    String device,
    long parameters,
    long flops,
    int deepest,
    double trainSeconds,
    double testSeconds,
    double cpuSeconds,
    List<Progress> losses,
    List<Accuracy> accuracy) {
  public StudyResult {
    losses = List.copyOf(losses);
    accuracy = List.copyOf(accuracy);
  }

  /**
   * A point of the loss curve.
   *
   * @param loss mean since the point before
   * @param seconds of training so far
   */
  public record Progress(int update, double loss, double seconds) {}

  /**
   * How often the test was answered right at one depth.
   *
   * @param bySteps element i: the answer after i + 1 steps, as a fraction of all problems
   */
  public record Accuracy(int depth, List<Double> bySteps) {
    public Accuracy {
      bySteps = List.copyOf(bySteps);
    }

    /** Of the answer after that many steps. */
    public double after(int steps) {
      return bySteps.get(steps - 1);
    }

    /** The most steps such that this and every smaller number is right at least so often. */
    public int reach(double fraction) {
      int steps = 0;
      while (steps < bySteps.size() && bySteps.get(steps) >= fraction) {
        steps++;
      }
      return steps;
    }
  }
}
