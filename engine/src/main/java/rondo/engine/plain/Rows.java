package rondo.engine.plain;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;

import java.lang.foreign.MemorySegment;

/**
 * Rows of memory as double arrays, and the arrays themselves: a few slots that grow to the largest
 * row seen. Only this class knows how an element type is stored.
 */
final class Rows {
  static final int F32 = 0;
  static final int BF16 = 1;

  /** Elements per step of an operation that has no rows of its own. */
  static final int CHUNK = 4096;

  private final double[][] slots = new double[6][0];
  private final float[] floats = new float[CHUNK];
  private final short[] shorts = new short[CHUNK];

  /** The array of a slot, with at least {@code length} elements of unspecified content. */
  double[] array(int slot, long length) {
    if (slots[slot].length < length) {
      slots[slot] = new double[Math.toIntExact(length)];
    }
    return slots[slot];
  }

  /** Reads f32 elements {@code at .. at + count - 1} into a slot. */
  double[] read(int slot, MemorySegment from, long at, int count) {
    double[] to = array(slot, count);
    read(from, F32, at, to, 0, count);
    return to;
  }

  void read(MemorySegment from, int type, long at, double[] to, int toAt, int count) {
    for (int done = 0; done < count; done += CHUNK) {
      int part = Math.min(CHUNK, count - done);
      if (type == BF16) {
        MemorySegment.copy(from, JAVA_SHORT, (at + done) * Short.BYTES, shorts, 0, part);
        for (int i = 0; i < part; i++) {
          to[toAt + done + i] = fromBf16(shorts[i]);
        }
      } else {
        MemorySegment.copy(from, JAVA_FLOAT, (at + done) * Float.BYTES, floats, 0, part);
        for (int i = 0; i < part; i++) {
          to[toAt + done + i] = floats[i];
        }
      }
    }
  }

  /** Writes the first {@code count} elements as f32 from element {@code at} on. */
  void write(double[] from, int count, MemorySegment to, long at) {
    write(from, 0, count, to, F32, at);
  }

  void write(double[] from, int fromAt, int count, MemorySegment to, int type, long at) {
    for (int done = 0; done < count; done += CHUNK) {
      int part = Math.min(CHUNK, count - done);
      for (int i = 0; i < part; i++) {
        floats[i] = (float) from[fromAt + done + i];
      }
      if (type == BF16) {
        for (int i = 0; i < part; i++) {
          shorts[i] = toBf16(floats[i]);
        }
        MemorySegment.copy(shorts, 0, to, JAVA_SHORT, (at + done) * Short.BYTES, part);
      } else {
        MemorySegment.copy(floats, 0, to, JAVA_FLOAT, (at + done) * Float.BYTES, part);
      }
    }
  }

  static float fromBf16(short bits) {
    return Float.intBitsToFloat(bits << 16);
  }

  /** Rounds to nearest even; a NaN stays one even when only its low payload bits are set. */
  static short toBf16(float value) {
    int bits = Float.floatToRawIntBits(value);
    if (Float.isNaN(value)) {
      return (short) ((bits >>> 16) | 0x40);
    }
    return (short) ((bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16);
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
