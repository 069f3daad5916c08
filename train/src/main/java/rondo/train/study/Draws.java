package rondo.train.study;

import rondo.engine.random.Philox;

/** Integers drawn one after another from a stream that is a pure function of (seed, stream). */
final class Draws {
  private final long seed;
  private final long stream;
  private long index;

  Draws(long seed, long stream) {
    this.seed = seed;
    this.stream = stream;
  }

  /** In [0, bound). */
  int below(int bound) {
    return (int) (Philox.uniform(seed, stream, index++) * bound);
  }
}
