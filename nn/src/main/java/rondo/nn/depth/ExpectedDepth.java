package rondo.nn.depth;

/**
 * Means over the draws of a scheme: what its micro-batches cost, as FLOPs are linear in both.
 *
 * @param frozen mean n
 * @param tracked mean k
 */
public record ExpectedDepth(double frozen, double tracked) {
  /** Draws whose mean stands for an expectation that has no simple form. */
  public static final int DRAWS = 1 << 16;

  private static final long SEED = 0x6d65616eL;

  /**
   * By formula where n or k has a simple one; else the mean over {@value #DRAWS} draws of the
   * scheme itself with a fixed seed.
   *
   * @param target t frozen and s tracked
   */
  public static ExpectedDepth of(DepthScheme scheme, Depth target) {
    int t = target.frozen();
    int s = target.tracked();
    double uniform = Math.max(t - 0.5, 0); // of U{0..2t−1}
    double half = s + 0.5; // of U{1..2s}
    return switch (scheme) {
      case FIXED, POISSON_FILL, POISSON_LOGNORMAL_FILL -> new ExpectedDepth(t, s);
      case NON_RECURRENT -> new ExpectedDepth(0, 1);
      case FULL -> new ExpectedDepth(0, half);
      case SIMPLE, SOBOL -> new ExpectedDepth(uniform, half);
      case POISSON_UNBOUNDED, POISSON_LOGNORMAL, NEGATIVE_BINOMIAL, GEOMETRIC ->
          new ExpectedDepth(t, half);
      case LOGNORMAL_POISSON -> { // n + k is one more than a draw of mean t + s
        double tracked = drawn(scheme, target).tracked;
        yield new ExpectedDepth(t + s + 1 - tracked, tracked);
      }
      case BPTT, GUPTA -> new ExpectedDepth(uniform, drawn(scheme, target).tracked);
      case NON_UNIFORM, POISSON_BOUNDED -> drawn(scheme, target);
    };
  }

  private static ExpectedDepth drawn(DepthScheme scheme, Depth target) {
    long frozen = 0;
    long tracked = 0;
    for (int i = 0; i < DRAWS; i++) {
      var depth = scheme.draw(target.frozen(), target.tracked(), new Draws(SEED, i));
      frozen += depth.frozen();
      tracked += depth.tracked();
    }
    return new ExpectedDepth((double) frozen / DRAWS, (double) tracked / DRAWS);
  }

  public double total() {
    return frozen + tracked;
  }
}
