package rondo.optim;

/**
 * Most tracked recurrences over training: from {@code start} up to {@code peak} over {@code steps}
 * steps, {@code ceil(peak · (m + (1 − m) · curve((t + 1)/steps)))} with m = max(1, start − 1)/peak
 * (the ablation of arXiv 2511.07384, whose schedule is stepped once before the first step). So the
 * first step of a rise has {@code start} at least, with a start of 1 two, and more where the rise
 * is short.
 */
public record BackpropSchedule(int start, int peak, long steps, Curve curve) {
  public BackpropSchedule {
    if (start < 1 || peak < start || steps < 0) {
      throw new IllegalArgumentException(
          "backprop: start %d, peak %d and steps %d: expected 1 ≤ start ≤ peak and steps ≥ 0"
              .formatted(start, peak, steps));
    }
    if (curve == Curve.COSINE) {
      throw new IllegalArgumentException("backprop: curve must be linear, 1-sqrt or none");
    }
  }

  /** Always {@code peak}. */
  public static BackpropSchedule none(int peak) {
    return new BackpropSchedule(peak, peak, 0, Curve.CONSTANT);
  }

  /** What it begins with: it never falls. */
  public int least() {
    return most(0);
  }

  /** Most tracked recurrences after {@code step} optimiser steps. */
  public int most(long step) {
    if (step + 1 >= steps) {
      return peak;
    }
    double least = Math.max(1, start - 1) / (double) peak;
    double y = curve.at((step + 1) / (double) steps);
    return (int) Math.ceil(peak * (least + (1 - least) * y));
  }
}
