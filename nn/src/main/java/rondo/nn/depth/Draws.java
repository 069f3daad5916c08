package rondo.nn.depth;

import rondo.engine.random.Philox;

/** The random numbers of one micro-batch's depth, drawn one after another from (seed, index). */
final class Draws {
  /** Marks these draws apart from other uses of the same seed. */
  private static final long STREAM = 0x6465707468L;

  private final long seed;
  private final long index;
  private long used;

  Draws(long seed, long index) {
    this.seed = seed;
    this.index = index;
  }

  /** In (0, 1), 53 bits. Two to a counter; further pairs come from streams of their own. */
  double uniform() {
    long stream = STREAM + used / 2;
    long word = 4 * index + 2 * (used++ % 2);
    long high = Philox.word(seed, stream, word) & 0xffffffffL;
    long low = Philox.word(seed, stream, word + 1) & 0xffffffffL;
    return (((high << 21) | (low >>> 11)) + 0.5) * 0x1p-53;
  }

  /** Uniform over {@code from} … {@code to}, or {@code from} where {@code to} is less. */
  int whole(int from, int to) {
    return from + (int) (uniform() * (Math.max(to, from) - from + 1));
  }

  /** Of this mean, with σ = ½; 0 for a mean of 0. */
  double logNormal(double mean) {
    double sigma = 0.5;
    double normal = Philox.normalQuantile(uniform());
    return Math.exp(Math.log(mean) - sigma * sigma / 2 + sigma * normal);
  }

  /** Of this shape and rate 1 (Marsaglia and Tsang 2000); 0 for a shape of 0. */
  double gamma(int shape) {
    if (shape == 0) {
      return 0;
    }
    double d = shape - 1 / 3.0;
    while (true) {
      double normal = Philox.normalQuantile(uniform());
      double root = 1 + normal / Math.sqrt(9 * d);
      double v = root * root * root;
      if (v > 0 && Math.log(uniform()) < normal * normal / 2 + d - d * v + d * Math.log(v)) {
        return d * v;
      }
    }
  }

  /** Trials up to the first success of probability 1/mean; 0 for a mean of 0. */
  int geometric(int mean) {
    if (mean <= 1) {
      return mean;
    }
    return (int) Math.ceil(Math.log(uniform()) / Math.log1p(-1.0 / mean));
  }

  /**
   * A coordinate of point {@code index} of the two-dimensional Sobol sequence, shifted digit by
   * digit by the seed.
   */
  double sobol(int dimension) {
    int digits = (int) index;
    int value = 0;
    int direction = 1 << 31;
    for (int bit = 0; bit < 32 && digits >>> bit != 0; bit++) {
      if (((digits >>> bit) & 1) != 0) {
        value ^= direction;
      }
      // Of the second dimension, whose polynomial is x + 1: Pascal's triangle modulo 2.
      direction = dimension == 0 ? direction >>> 1 : direction ^ (direction >>> 1);
    }
    int shift = Philox.word(seed, STREAM, -1 - dimension);
    return ((value ^ shift) & 0xffffffffL) * 0x1p-32;
  }

  /** Rates up to here have a normal e^-rate. */
  private static final double LARGEST_DIRECT_RATE = 700;

  /** Inversion: the smallest k with P(X ≤ k) ≥ u. */
  int poisson(double rate) {
    double u = uniform();
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
