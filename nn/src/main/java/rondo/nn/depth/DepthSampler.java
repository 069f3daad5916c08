package rondo.nn.depth;

import java.util.Optional;
import java.util.regex.Pattern;

/**
 * Draws the depth of each micro-batch: a pure function of (seed, index), so a resume needs no
 * state.
 *
 * @param ramp micro-batches over which the target grows to its full depth, Huginn's "curriculum-N"
 *     (arXiv 2502.05171); 0 for none
 */
public record DepthSampler(DepthScheme scheme, long ramp) {
  /** As published: {@link DepthScheme#LOGNORMAL_POISSON}. */
  public static final DepthSampler LOGNORMAL_POISSON =
      new DepthSampler(DepthScheme.LOGNORMAL_POISSON, 0);

  /** Always the mean. */
  public static final DepthSampler FIXED = new DepthSampler(DepthScheme.FIXED, 0);

  private static final Pattern NAME = Pattern.compile("(.+?)(?:-curriculum-([1-9][0-9]{0,17}))?");

  public DepthSampler {
    if (ramp < 0) {
      throw new IllegalArgumentException("depth sampler: a ramp of " + ramp + " micro-batches");
    }
  }

  /** The sampler of a name, if there is one: that of a scheme, or NAME-curriculum-N. */
  public static Optional<DepthSampler> named(String name) {
    var parts = NAME.matcher(name);
    if (!parts.matches()) {
      return Optional.empty();
    }
    long ramp = parts.group(2) == null ? 0 : Long.parseLong(parts.group(2));
    return DepthScheme.named(parts.group(1)).map(scheme -> new DepthSampler(scheme, ramp));
  }

  /** What {@link #named} knows, for messages. */
  public static String names() {
    return String.join(", ", DepthScheme.names()) + ", or one of them with -curriculum-N";
  }

  /**
   * The depth that a draw aims at: t frozen and s tracked recurrences, s = min(backprop, mean) and
   * t = mean − s. Of micro-batches i = 1 … {@code ramp} it is t' = ⌈i/ramp·t⌉ and s' = max(⌈i/ramp·
   * s⌉, 1), exactly.
   *
   * @param mean target mean recurrence of this step
   * @param backprop most recurrences that are tracked
   * @param index counter of the micro-batch, from 0
   */
  public Depth target(int mean, int backprop, long index) {
    int s = Math.min(backprop, mean);
    int t = mean - s;
    return index < ramp ? new Depth(risen(t, index), risen(s, index)) : new Depth(t, s);
  }

  /** A positive share of a positive number rounds up to at least one. */
  private int risen(int full, long index) {
    return (int) Math.ceilDiv(Math.multiplyExact(index + 1, full), ramp);
  }

  /**
   * Most recurrences that any draw tracks while the mean is at most {@code mean} and backprop lies
   * from {@code least} to {@code most}.
   */
  public int mostTracked(int mean, int least, int most) {
    return scheme.mostTracked(mean, least, most);
  }

  /**
   * One draw.
   *
   * @param mean target mean recurrence of this step
   * @param backprop most recurrences that are tracked
   * @param index counter of the micro-batch, from 0
   */
  public Depth draw(int mean, int backprop, long seed, long index) {
    var target = target(mean, backprop, index);
    return scheme.draw(target.frozen(), target.tracked(), new Draws(seed, index));
  }

  /** As {@link #named} takes it. */
  @Override
  public String toString() {
    return scheme.text() + (ramp == 0 ? "" : "-curriculum-" + ramp);
  }
}
