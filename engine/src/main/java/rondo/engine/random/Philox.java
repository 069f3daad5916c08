package rondo.engine.random;

/**
 * Random numbers as pure functions of (key, high, index): Philox4x32-10 (Salmon et al. 2011,
 * "Parallel random numbers: as easy as 1, 2, 3"). {@code key} is the 64-bit key, {@code high} the
 * high half of the 128-bit counter; index {@code i} takes word {@code i % 4} of counter {@code (i /
 * 4, high)}. Indices are not negative. The same words, and so the same uniforms, on every device.
 */
@SuppressWarnings("FloatingPointLiteralPrecision") // The published digits of AS 241.
public final class Philox {
  private static final int ROUNDS = 10;
  private static final long MULTIPLIER_0 = 0xD2511F53L;
  private static final long MULTIPLIER_1 = 0xCD9E8D57L;
  private static final int WEYL_0 = 0x9E3779B9;
  private static final int WEYL_1 = 0xBB67AE85;
  private static final long LOW_WORD = 0xFFFFFFFFL;

  private Philox() {}

  /** Word {@code index % 4} of the block at counter {@code (index / 4, high)}. */
  public static int word(long key, long high, long index) {
    return word(key, high, index >>> 2, (int) index & 3);
  }

  /** One of the four words at counter {@code (low, high)}. */
  static int word(long key, long high, long low, int lane) {
    int c0 = (int) low;
    int c1 = (int) (low >>> 32);
    int c2 = (int) high;
    int c3 = (int) (high >>> 32);
    int k0 = (int) key;
    int k1 = (int) (key >>> 32);
    for (int round = 0; round < ROUNDS; round++) {
      long product0 = MULTIPLIER_0 * (c0 & LOW_WORD);
      long product1 = MULTIPLIER_1 * (c2 & LOW_WORD);
      c0 = (int) (product1 >>> 32) ^ c1 ^ k0;
      c2 = (int) (product0 >>> 32) ^ c3 ^ k1;
      c1 = (int) product1;
      c3 = (int) product0;
      k0 += WEYL_0;
      k1 += WEYL_1;
    }
    return switch (lane) {
      case 0 -> c0;
      case 1 -> c1;
      case 2 -> c2;
      default -> c3;
    };
  }

  /** A multiple of 2^-24 in [0, 1). */
  public static float uniform(long key, long high, long index) {
    return (word(key, high, index) >>> 8) * 0x1p-24f;
  }

  /** Standard normal, truncated to [-cut, cut]; {@code cut} may be infinite. */
  public static double truncatedNormal(long key, long high, long index, double cut) {
    if (!(cut > 0)) {
      throw new IllegalArgumentException("truncatedNormal: cut " + cut + ", expected more than 0");
    }
    return truncatedNormal(word(key, high, index), normalProbability(-cut), normalProbability(cut));
  }

  /**
   * The normal of one word between two probabilities, which are {@code normalProbability(-cut)} and
   * {@code normalProbability(cut)}: for a caller that draws many with one cut.
   */
  public static double truncatedNormal(int word, double below, double above) {
    double u = (Integer.toUnsignedLong(word) + 0.5) * 0x1p-32;
    return normalQuantile(below + u * (above - below));
  }

  /** Phi(x), the standard normal distribution function, to double accuracy in both tails. */
  public static double normalProbability(double x) {
    if (Double.isNaN(x)) {
      return x;
    }
    double size = Math.abs(x);
    double density = Math.exp(-0.5 * size * size) / Math.sqrt(2 * Math.PI);
    if (size < 3) {
      // Abramowitz & Stegun 26.2.11: x + x^3/3 + x^5/(3*5) + ...; all terms of one sign.
      double term = x;
      double sum = x;
      for (int odd = 3; sum + term != sum; odd += 2) {
        term *= x * x / odd;
        sum += term;
      }
      return 0.5 + density * sum;
    }
    // 26.2.14, the continued fraction of the tail: 1/(x + 1/(x + 2/(x + 3/(x + ...)))).
    double fraction = size;
    for (int i = 100; i > 0; i--) {
      fraction = size + i / fraction;
    }
    double tail = density == 0 ? 0 : density / fraction;
    return x < 0 ? tail : 1 - tail;
  }

  /**
   * Phi^-1(p): Wichura 1988, algorithm AS 241, PPND16, about 1e-16 relative. Infinite at 0 and 1,
   * NaN outside.
   */
  public static double normalQuantile(double p) {
    double q = p - 0.5;
    if (Math.abs(q) <= 0.425) {
      double r = 0.180625 - q * q;
      return q * ratio(r, CENTRE_ABOVE, CENTRE_BELOW);
    }
    double tail = q < 0 ? p : 1 - p;
    if (!(tail > 0)) {
      return tail == 0 ? Math.copySign(Double.POSITIVE_INFINITY, q) : Double.NaN;
    }
    double r = Math.sqrt(-Math.log(tail));
    double size =
        r <= 5 ? ratio(r - 1.6, MIDDLE_ABOVE, MIDDLE_BELOW) : ratio(r - 5, FAR_ABOVE, FAR_BELOW);
    return Math.copySign(size, q);
  }

  private static double ratio(double r, double[] above, double[] below) {
    double numerator = 0;
    double denominator = 0;
    for (int i = above.length - 1; i >= 0; i--) {
      numerator = numerator * r + above[i];
      denominator = denominator * r + below[i];
    }
    return numerator / denominator;
  }

  private static final double[] CENTRE_ABOVE = {
    3.3871328727963666080e0, 1.3314166789178437745e2, 1.9715909503065514427e3,
    1.3731693765509461125e4, 4.5921953931549871457e4, 6.7265770927008700853e4,
    3.3430575583588128105e4, 2.5090809287301226727e3
  };
  private static final double[] CENTRE_BELOW = {
    1.0, 4.2313330701600911252e1, 6.8718700749205790830e2,
    5.3941960214247511077e3, 2.1213794301586595867e4, 3.9307895800092710610e4,
    2.8729085735721942674e4, 5.2264952788528545610e3
  };
  private static final double[] MIDDLE_ABOVE = {
    1.42343711074968357734e0, 4.63033784615654529590e0, 5.76949722146069140550e0,
    3.64784832476320460504e0, 1.27045825245236838258e0, 2.41780725177450611770e-1,
    2.27238449892691845833e-2, 7.74545014278341407640e-4
  };
  private static final double[] MIDDLE_BELOW = {
    1.0, 2.05319162663775882187e0, 1.67638483018380384940e0,
    6.89767334985100004550e-1, 1.48103976427480074590e-1, 1.51986665636164571966e-2,
    5.47593808499534494600e-4, 1.05075007164441684324e-9
  };
  private static final double[] FAR_ABOVE = {
    6.65790464350110377720e0, 5.46378491116411436990e0, 1.78482653991729133580e0,
    2.96560571828504891230e-1, 2.65321895265761230930e-2, 1.24266094738807843860e-3,
    2.71155556874348757815e-5, 2.01033439929228813265e-7
  };
  private static final double[] FAR_BELOW = {
    1.0, 5.99832206555887937690e-1, 1.36929880922735805310e-1,
    1.48753612908506148525e-2, 7.86869131145613259100e-4, 1.84631831751005468180e-5,
    1.42151175831644588870e-7, 2.04426310338993978564e-15
  };
}
