package rondo.optim;

import java.util.OptionalDouble;

/**
 * What of the update of some parameters differs from what the optimiser does.
 *
 * @param lrFactor of the learning rate
 * @param weightDecay in place of the optimiser's
 * @param throttled whether a step's throttle divides the learning rate
 */
public record ParameterGroup(double lrFactor, OptionalDouble weightDecay, boolean throttled) {
  /** As the optimiser does it. */
  public static final ParameterGroup PLAIN = new ParameterGroup(1, OptionalDouble.empty(), false);

  public ParameterGroup {
    if (!(lrFactor > 0)) {
      throw new IllegalArgumentException(
          "group: learning rate factor " + lrFactor + " must be positive");
    }
  }

  /** Factor of the peak learning rate, from that of the schedule and the throttle of a step. */
  double factor(double schedule, double throttle) {
    return schedule * lrFactor / (throttled ? throttle : 1);
  }
}
