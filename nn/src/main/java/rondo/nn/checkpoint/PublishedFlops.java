package rondo.nn.checkpoint;

/**
 * Training FLOPs as the retrofit paper (arXiv 2511.07384) counts them: 6 per token and parameter
 * that is differentiated, 2 per one that is only run; of blocks alone, at the curriculum's mean
 * recurrence. Embedding, head, adapter and attention scores are not counted.
 */
public final class PublishedFlops {
  private PublishedFlops() {}

  /** How the mean recurrence rises from 1 to its maximum. */
  public enum Curve {
    LINEAR,
    /** 1 - sqrt(1 - t): slow at first, fast at the end. */
    ONE_MINUS_SQRT;

    /** The fraction of the rise's steps after which the mean has risen by {@code height}. */
    double reached(double height) {
      return switch (this) {
        case LINEAR -> height;
        case ONE_MINUS_SQRT -> 1 - (1 - height) * (1 - height);
      };
    }
  }

  /**
   * FLOPs of one optimiser step at {@code recurrences}, the last {@code backprop} differentiated.
   */
  public static double step(ParameterCounts counts, double tokens, int recurrences, int backprop) {
    int tracked = Math.min(recurrences, backprop);
    return 6 * tokens * counts.effective(tracked)
        + 2 * tokens * counts.core() * (recurrences - tracked);
  }

  /**
   * FLOPs of the first {@code steps} steps of a run under a curriculum.
   *
   * @param tokens per step
   * @param recurrences the mean recurrence after the rise
   * @param backprop most recurrences that are differentiated
   * @param rise steps until the mean recurrence is reached, 0 for no curriculum; a run may stop
   *     earlier
   */
  public static double recurrent(
      ParameterCounts counts,
      long steps,
      double tokens,
      int recurrences,
      int backprop,
      Curve curve,
      long rise) {
    double flops = 0;
    long begin = 0;
    for (int r = 1; r <= recurrences; r++) {
      long end =
          r == recurrences
              ? steps
              : Math.min(steps, (long) (curve.reached((double) r / recurrences) * rise));
      flops += (end - begin) * step(counts, tokens, r, backprop);
      begin = end;
    }
    return flops;
  }

  /**
   * FLOPs of training a fixed-depth model: 6 per token and parameter outside embedding and head.
   */
  public static double fixed(ParameterCounts counts, long steps, double tokens) {
    return 6 * tokens * counts.nonEmbedding() * steps;
  }
}
