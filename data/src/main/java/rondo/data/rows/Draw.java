package rondo.data.rows;

/** Random numbers as a pure function of a seed and counters (SplitMix64's mixing). */
final class Draw {
  private Draw() {}

  static long bits(long seed, long stream, long index) {
    return mix(mix(mix(seed) ^ stream) ^ index);
  }

  /** Uniform in [0, 1). */
  static double uniform(long seed, long stream, long index) {
    return (bits(seed, stream, index) >>> 11) * 0x1p-53;
  }

  /** The numbers 0 to size - 1 in an order that seed and epoch alone decide. */
  static int[] permutation(int size, long seed, long epoch) {
    int[] order = new int[size];
    for (int i = 0; i < size; i++) {
      int j = (int) Math.unsignedMultiplyHigh(bits(seed, epoch, i), i + 1L);
      order[i] = order[j];
      order[j] = i;
    }
    return order;
  }

  private static long mix(long value) {
    long z = value + 0x9e3779b97f4a7c15L;
    z = (z ^ z >>> 30) * 0xbf58476d1ce4e5b9L;
    z = (z ^ z >>> 27) * 0x94d049bb133111ebL;
    return z ^ z >>> 31;
  }
}
