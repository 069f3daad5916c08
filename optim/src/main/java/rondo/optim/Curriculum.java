package rondo.optim;

/**
 * Mean recurrence over training: {@code max(1, ceil(peak · curve(t/steps)))} for t &lt; steps, then
 * {@code peak} (retrofitted recurrence, arXiv 2511.07384).
 */
public record Curriculum(int peak, long steps, Curve curve) {
  public Curriculum {
    if (peak < 1 || steps < 0) {
      throw new IllegalArgumentException(
          "curriculum: peak " + peak + " and steps " + steps + " must be positive");
    }
    if (curve == Curve.COSINE) {
      throw new IllegalArgumentException("curriculum: curve must be linear, 1-sqrt or none");
    }
  }

  /** Always {@code peak}. */
  public static Curriculum none(int peak) {
    return new Curriculum(peak, 0, Curve.CONSTANT);
  }

  /** Mean recurrence after {@code step} optimiser steps. */
  public int mean(long step) {
    if (step >= steps) {
      return peak;
    }
    return (int) Math.max(1, Math.ceil(peak * curve.at((double) step / steps)));
  }
}
