package rondo.nn.depth;

import java.util.Arrays;
import java.util.List;
import java.util.Optional;

/**
 * How the depth of a micro-batch is drawn: the schemes of Huginn (arXiv 2502.05171), under its
 * names.
 *
 * <p>Below, n recurrences are drawn frozen and k tracked, by a target depth of t frozen and s
 * tracked ones (see {@link DepthSampler#target}). U{a..b} is uniform over whole numbers, of which b
 * is taken to be at least a.
 */
public enum DepthScheme {
  /**
   * λ ~ LogNormal(ln mean − σ²/2, σ = ½), r ~ Poisson(λ) + 1, of which the last min(r, s) are
   * tracked: "poisson-lognormal-filling". The realised mean is mean + 1.
   */
  LOGNORMAL_POISSON("lognormal-poisson", 1) {
    @Override
    Depth draw(int t, int s, Draws u) {
      int total = u.poisson(u.logNormal(t + s)) + 1;
      return new Depth(Math.max(total - s, 0), Math.min(s, total));
    }
  },

  /** The mean itself: n = t, k = s. */
  FIXED("fixed", 1) {
    @Override
    Depth draw(int t, int s, Draws u) {
      return new Depth(t, s);
    }
  },

  /** One recurrence: n = 0, k = 1. */
  NON_RECURRENT("non-recurrent", 1) {
    @Override
    Depth draw(int t, int s, Draws u) {
      return new Depth(0, 1);
    }
  },

  /** All tracked: n = 0, k ~ U{1..2s}. */
  FULL("full", 2) {
    @Override
    Depth draw(int t, int s, Draws u) {
      return new Depth(0, u.whole(1, 2 * s));
    }
  },

  /** n ~ U{0..2t−1}, k ~ U{1..2s}. */
  SIMPLE("simple", 2) {
    @Override
    Depth draw(int t, int s, Draws u) {
      return new Depth(u.whole(0, 2 * t - 1), u.whole(1, 2 * s));
    }
  },

  /** n ~ U{0..2t−1}, k ~ U{1..min(2t − n, 2s)}. */
  BPTT("bptt", 2) {
    @Override
    Depth draw(int t, int s, Draws u) {
      int frozen = u.whole(0, 2 * t - 1);
      return new Depth(frozen, u.whole(1, Math.min(2 * t - frozen, 2 * s)));
    }
  },

  /** n + k ~ U{0..2t−1}, k ~ U{1..2 min(t, s)}, n at least 0. */
  NON_UNIFORM("non-uniform", 2) {
    @Override
    Depth draw(int t, int s, Draws u) {
      int total = u.whole(0, 2 * t - 1);
      int tracked = u.whole(1, 2 * Math.min(t, s));
      return new Depth(Math.max(total - tracked, 0), tracked);
    }
  },

  /** n ~ U{0..2t−1}, k = 1 + ⌊(t − n)·u^skew⌋ and at least 1, skew ~ U{2t..8t−1}: seldom deep. */
  GUPTA("gupta", 1) {
    @Override
    Depth draw(int t, int s, Draws u) {
      int frozen = u.whole(0, 2 * t - 1);
      int skew = u.whole(2 * t, 8 * t - 1);
      return new Depth(frozen, 1 + (int) (Math.max(t - frozen, 0) * Math.pow(u.uniform(), skew)));
    }

    @Override
    int mostTracked(int mean, int least, int most) {
      return mean - Math.min(least, mean) + 1;
    }
  },

  /** n ~ Poisson(t), k = s. */
  POISSON_FILL("poisson-fill", 1) {
    @Override
    Depth draw(int t, int s, Draws u) {
      return new Depth(u.poisson(t), s);
    }
  },

  /** n ~ Poisson(t), k ~ U{1..2s}. */
  POISSON_UNBOUNDED("poisson-unbounded", 2) {
    @Override
    Depth draw(int t, int s, Draws u) {
      return new Depth(u.poisson(t), u.whole(1, 2 * s));
    }
  },

  /** n ~ Poisson(t) but at most 2t − 1, k ~ U{1..2s}. */
  POISSON_BOUNDED("poisson-bounded", 2) {
    @Override
    Depth draw(int t, int s, Draws u) {
      return new Depth(Math.clamp(u.poisson(t), 0, Math.max(2 * t - 1, 0)), u.whole(1, 2 * s));
    }
  },

  /** n ~ Poisson(λ), λ ~ LogNormal of mean t, k ~ U{1..2s}. */
  POISSON_LOGNORMAL("poisson-lognormal", 2) {
    @Override
    Depth draw(int t, int s, Draws u) {
      return new Depth(u.poisson(u.logNormal(t)), u.whole(1, 2 * s));
    }
  },

  /** n ~ Poisson(λ), λ ~ LogNormal of mean t, k = s. */
  POISSON_LOGNORMAL_FILL("poisson-lognormal-fill", 1) {
    @Override
    Depth draw(int t, int s, Draws u) {
      return new Depth(u.poisson(u.logNormal(t)), s);
    }
  },

  /** n ~ Poisson(λ), λ ~ Gamma(t, 1): mean t and variance 2t; k ~ U{1..2s}. */
  NEGATIVE_BINOMIAL("negative-binomial", 2) {
    @Override
    Depth draw(int t, int s, Draws u) {
      return new Depth(u.poisson(u.gamma(t)), u.whole(1, 2 * s));
    }
  },

  /** n ~ Geometric(1/t), from 1 on; k ~ U{1..2s}. */
  GEOMETRIC("geometric", 2) {
    @Override
    Depth draw(int t, int s, Draws u) {
      return new Depth(u.geometric(t), u.whole(1, 2 * s));
    }
  },

  /** n = ⌊2t·u⌋, k = ⌊2s·v⌋ + 1 for points (u, v) of a shifted Sobol sequence. */
  SOBOL("sobol", 2) {
    @Override
    Depth draw(int t, int s, Draws u) {
      return new Depth((int) (2 * t * u.sobol(0)), (int) (2 * s * u.sobol(1)) + 1);
    }
  };

  private final String name;
  private final int factor;

  /**
   * @param name as recipes have it
   * @param factor of s that k never exceeds
   */
  DepthScheme(String name, int factor) {
    this.name = name;
    this.factor = factor;
  }

  /** As recipes have it. */
  public String text() {
    return name;
  }

  /** All names. */
  public static List<String> names() {
    return Arrays.stream(values()).map(s -> s.name).toList();
  }

  /** The scheme of that name, if there is one. */
  static Optional<DepthScheme> named(String name) {
    return Arrays.stream(values()).filter(s -> s.name.equals(name)).findFirst();
  }

  /**
   * Most recurrences that a draw may track, for means up to {@code mean} and a most tracked from
   * {@code least} up to {@code most}.
   */
  int mostTracked(int mean, int least, int most) {
    return factor * Math.min(most, mean);
  }

  /** One draw: t frozen and s tracked recurrences are the target. */
  abstract Depth draw(int t, int s, Draws u);
}
