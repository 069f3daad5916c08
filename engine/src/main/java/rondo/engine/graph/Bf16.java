package rondo.engine.graph;

/** bfloat16 on the host: the upper half of a float's bits. */
public final class Bf16 {
  private Bf16() {}

  /** Exact. */
  public static float widen(short bits) {
    return Float.intBitsToFloat(bits << 16);
  }

  /** To the nearest, ties to even; NaN stays NaN. */
  public static short narrow(float value) {
    int bits = Float.floatToRawIntBits(value);
    if (Float.isNaN(value)) {
      return (short) ((bits >>> 16) | 0x40);
    }
    return (short) ((bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16);
  }
}
