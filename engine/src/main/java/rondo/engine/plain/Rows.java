package rondo.engine.plain;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;

import java.lang.foreign.MemorySegment;
import rondo.engine.graph.Bf16;

/**
 * Rows of memory as double arrays, and the arrays themselves: a few slots that grow to the largest
 * row seen. Only this class knows how an element type is stored.
 */
final class Rows {
  static final int F32 = 0;
  static final int BF16 = 1;
  static final int I8 = 4;
  static final int E4M3 = 5;

  /** Elements per step of an operation that has no rows of its own. */
  static final int CHUNK = 4096;

  private final double[][] slots = new double[6][0];

  /** The array of a slot, with at least {@code length} elements of unspecified content. */
  double[] array(int slot, long length) {
    if (slots[slot].length < length) {
      slots[slot] = new double[Math.toIntExact(length)];
    }
    return slots[slot];
  }

  /** Reads f32 elements {@code at .. at + count - 1} into a slot. */
  double[] read(int slot, MemorySegment from, long at, int count) {
    return read(slot, from, F32, at, count);
  }

  double[] read(int slot, MemorySegment from, int type, long at, int count) {
    double[] to = array(slot, count);
    read(from, type, at, to, 0, count);
    return to;
  }

  void read(MemorySegment from, int type, long at, double[] to, int toAt, int count) {
    for (int i = 0; i < count; i++) {
      to[toAt + i] = get(from, type, at + i);
    }
  }

  /** Writes the first {@code count} elements as f32 from element {@code at} on. */
  void write(double[] from, int count, MemorySegment to, long at) {
    write(from, 0, count, to, F32, at);
  }

  void write(double[] from, int count, MemorySegment to, int type, long at) {
    write(from, 0, count, to, type, at);
  }

  void write(double[] from, int fromAt, int count, MemorySegment to, int type, long at) {
    for (int i = 0; i < count; i++) {
      set(to, type, at + i, from[fromAt + i]);
    }
  }

  static double get(MemorySegment memory, int type, long index) {
    return switch (type) {
      case F32 -> memory.getAtIndex(JAVA_FLOAT, index);
      case BF16 -> Bf16.widen(memory.getAtIndex(JAVA_SHORT, index));
      case I8 -> memory.get(JAVA_BYTE, index);
      case E4M3 -> fromE4m3(memory.get(JAVA_BYTE, index));
      default -> throw new IllegalArgumentException("no elements of type " + type);
    };
  }

  /** To the nearest f32 and then to the nearest of the type, ties to even. */
  static void set(MemorySegment memory, int type, long index, double value) {
    switch (type) {
      case F32 -> memory.setAtIndex(JAVA_FLOAT, index, (float) value);
      case BF16 -> memory.setAtIndex(JAVA_SHORT, index, Bf16.narrow((float) value));
      case I8 -> memory.set(JAVA_BYTE, index, toI8((float) value));
      case E4M3 -> memory.set(JAVA_BYTE, index, toE4m3((float) value));
      default -> throw new IllegalArgumentException("no elements of type " + type);
    }
  }

  /** A value as an activation of the type holds it. */
  static double rounded(int type, double value) {
    return type == BF16 ? Bf16.widen(Bf16.narrow((float) value)) : (float) value;
  }

  static int bytes(int type) {
    return type == F32 ? 4 : type == BF16 ? 2 : 1;
  }

  static byte toI8(float value) {
    return (byte) Math.clamp(Math.rint(value), -127, 127);
  }

  /** Sign, four bits of exponent with bias 7, three of mantissa; all ones is the only NaN. */
  static float fromE4m3(byte bits) {
    int exponent = (bits >> 3) & 15;
    int mantissa = bits & 7;
    float size =
        exponent == 15 && mantissa == 7
            ? Float.NaN
            : exponent == 0
                ? Math.scalb((float) mantissa, -9)
                : Math.scalb(8f + mantissa, exponent - 10);
    return bits < 0 ? -size : size;
  }

  /** What is larger than the largest, 448, becomes that. */
  static byte toE4m3(float value) {
    if (Float.isNaN(value)) {
      return 0x7f;
    }
    float size = Math.min(Math.abs(value), 448);
    int exponent = Math.max(Math.getExponent(size), -6);
    // Of steps this wide; a carry into the exponent is the next code, as it should be.
    int steps = (int) Math.rint(Math.scalb((double) size, 3 - exponent));
    int code = ((exponent + 6) << 3) + steps;
    return (byte) (Float.floatToRawIntBits(value) < 0 ? code | 0x80 : code);
  }

  static float f32(MemorySegment memory, long index) {
    return memory.getAtIndex(JAVA_FLOAT, index);
  }

  static double dot(double[] a, int aAt, double[] b, int bAt, int count) {
    // Four sums, because one sum waits for itself at every element.
    double s0 = 0;
    double s1 = 0;
    double s2 = 0;
    double s3 = 0;
    int i = 0;
    for (; i + 3 < count; i += 4) {
      s0 += a[aAt + i] * b[bAt + i];
      s1 += a[aAt + i + 1] * b[bAt + i + 1];
      s2 += a[aAt + i + 2] * b[bAt + i + 2];
      s3 += a[aAt + i + 3] * b[bAt + i + 3];
    }
    for (; i < count; i++) {
      s0 += a[aAt + i] * b[bAt + i];
    }
    return (s0 + s1) + (s2 + s3);
  }

  /** {@code y += factor * x}. */
  static void addScaled(double factor, double[] x, int xAt, double[] y, int yAt, int count) {
    for (int i = 0; i < count; i++) {
      y[yAt + i] += factor * x[xAt + i];
    }
  }
}
