package rondo.nn.depth;

import rondo.engine.random.Philox;

/**
 * Draws the depth of each micro-batch: a pure function of (seed, index), so a resume needs no
 * state.
 */
public enum DepthSampler {
  /** The mean itself: min(mean, backprop) tracked recurrences after the rest frozen. */
  FIXED {
    @Override
    public Depth draw(int mean, int backprop, long seed, long index) {
      int tracked = Math.min(mean, backprop);
      return new Depth(mean - tracked, tracked);
    }
  },

  /**
   * λ ~ LogNormal(ln mean − σ²/2, σ = ½), r ~ Poisson(λ) + 1, of which the last min(r, backprop)
   * are tracked. The realised mean is mean + 1 (Huginn, arXiv 2502.05171,
   * "poisson-lognormal-filling").
   */
  LOGNORMAL_POISSON {
    @Override
    public Depth draw(int mean, int backprop, long seed, long index) {
      int cap = Math.min(backprop, mean);
      double sigma = 0.5;
      double normal = Philox.normalQuantile(uniform(seed, index, 0));
      double rate = Math.exp(Math.log(mean) - sigma * sigma / 2 + sigma * normal);
      int total = poisson(rate, uniform(seed, index, 1)) + 1;
      int tracked = Math.min(cap, total);
      return new Depth(total - tracked, tracked);
    }
  };

  /** Marks these draws apart from other uses of the same seed. */
  private static final long STREAM = 0x6465707468L;

  /**
   * One draw.
   *
   * @param mean target mean recurrence of this step
   * @param backprop most recurrences that are tracked
   * @param index counter of the micro-batch
   */
  public abstract Depth draw(int mean, int backprop, long seed, long index);

  /** In (0, 1), 53 bits. */
  private static double uniform(long seed, long index, int which) {
    long high = Philox.word(seed, STREAM, 4 * index + 2L * which) & 0xffffffffL;
    long low = Philox.word(seed, STREAM, 4 * index + 2L * which + 1) & 0xffffffffL;
    return (((high << 21) | (low >>> 11)) + 0.5) * 0x1p-53;
  }

  /** Rates up to here have a normal e^-rate. */
  private static final double LARGEST_DIRECT_RATE = 700;

  /** Inversion: the smallest k with P(X ≤ k) ≥ u. */
  private static int poisson(double rate, double u) {
    if (rate > LARGEST_DIRECT_RATE) {
      return poissonByLogarithms(rate, u);
    }
    double probability = Math.exp(-rate);
    double sum = probability;
    int k = 0;
    while (u > sum && k < 10_000) {
      k++;
      probability *= rate / k;
      sum += probability;
    }
    return k;
  }

  /** The same where e^-rate is too small: the first probabilities are zero and may be. */
  private static int poissonByLogarithms(double rate, double u) {
    double most =
        rate + 40 * Math.sqrt(rate); // nothing that a double can tell from one lies beyond
    double logarithm = -rate;
    double sum = 0;
    int k = 0;
    while (u > sum && k < most) {
      k++;
      logarithm += Math.log(rate / k);
      sum += Math.exp(logarithm);
    }
    return k;
  }
}
