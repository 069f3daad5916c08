package rondo.optim;

/**
 * Warmup-stable-decay factor of the learning rate: linear warmup over {@code warmup} steps from
 * {@code minRatio}, 1, then {@code curve} down to {@code minRatio} over the last {@code decay} of
 * {@code total} steps (as in Hugging Face's warmup_stable_decay).
 */
public record Schedule(long total, long warmup, long decay, Curve curve, double minRatio) {
  public Schedule {
    if (warmup < 0 || decay < 0 || warmup > total - decay) {
      throw new IllegalArgumentException(
          "schedule: warmup "
              + warmup
              + " and decay "
              + decay
              + " must fit into "
              + total
              + " steps");
    }
    if (!(minRatio >= 0 && minRatio <= 1)) {
      throw new IllegalArgumentException("schedule: min_ratio " + minRatio + " must be in [0, 1]");
    }
    if (curve == Curve.ONE_MINUS_SQRT) {
      throw new IllegalArgumentException("schedule: curve must be cosine, linear or constant");
    }
  }

  /** Factor of the step after {@code step} optimiser steps; the first step has step = 0. */
  public double factor(long step) {
    long stable = total - warmup - decay;
    if (step < warmup) {
      return minRatio + (1 - minRatio) * step / warmup;
    }
    if (step < warmup + stable || curve == Curve.CONSTANT) {
      return 1;
    }
    if (step >= total) {
      return minRatio;
    }
    double y = (double) (step - warmup - stable) / decay;
    return minRatio + (1 - minRatio) * (1 - curve.at(y));
  }
}
