package rondo.nn.checkpoint;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/** Element conversions between stored types and float32, all little-endian at any alignment. */
final class Conversions {
  static final ValueLayout.OfShort SHORT =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  static final ValueLayout.OfInt INT =
      ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  static final ValueLayout.OfLong LONG =
      ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  static final ValueLayout.OfFloat FLOAT =
      ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  static final ValueLayout.OfDouble DOUBLE =
      ValueLayout.JAVA_DOUBLE_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  /** Elements converted at a time: loops over an int are those that the compiler vectorises. */
  private static final int BLOCK = 1 << 16;

  private Conversions() {}

  static boolean isFloat(StoredType type) {
    return switch (type) {
      case F32, F16, BF16, F64 -> true;
      case I64, I32, I16, I8, U8, BOOL -> false;
    };
  }

  /**
   * Converts {@code count} elements from the start of {@code from} to float32 at the start of
   * {@code to}.
   */
  static void toFloats(StoredType type, MemorySegment from, MemorySegment to, long count) {
    if (type == StoredType.F32) {
      MemorySegment.copy(from, 0, to, 0, count * Float.BYTES);
      return;
    }
    for (long done = 0; done < count; done += BLOCK) {
      int n = (int) Math.min(BLOCK, count - done);
      MemorySegment source = from.asSlice(done * type.bytes(), (long) n * type.bytes());
      MemorySegment target = to.asSlice(done * Float.BYTES, (long) n * Float.BYTES);
      switch (type) {
        case BF16 -> fromBfloat16(source, target, n);
        case F16 -> fromFloat16(source, target, n);
        case F64 -> fromDouble(source, target, n);
        case F32, I64, I32, I16, I8, U8, BOOL ->
            throw new IllegalArgumentException(type + " holds no floating-point numbers");
      }
    }
  }

  /** Rounds {@code count} float32 values to bfloat16, to nearest, ties to even; NaN stays NaN. */
  static void toBfloat16(MemorySegment from, MemorySegment to, int count) {
    for (int i = 0; i < count; i++) {
      to.setAtIndex(SHORT, i, toBfloat16(from.getAtIndex(FLOAT, i)));
    }
  }

  static short toBfloat16(float value) {
    int bits = Float.floatToRawIntBits(value);
    if (Float.isNaN(value)) {
      return (short) ((bits >>> 16) | 0x40); // Rounding a NaN's payload could carry into infinity.
    }
    return (short) ((bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16);
  }

  private static void fromBfloat16(MemorySegment from, MemorySegment to, int count) {
    for (int i = 0; i < count; i++) {
      // As bits, not as floats: some processors would quieten a signalling NaN on the way.
      to.setAtIndex(INT, i, from.getAtIndex(SHORT, i) << 16);
    }
  }

  private static void fromFloat16(MemorySegment from, MemorySegment to, int count) {
    for (int i = 0; i < count; i++) {
      to.setAtIndex(FLOAT, i, Float.float16ToFloat(from.getAtIndex(SHORT, i)));
    }
  }

  private static void fromDouble(MemorySegment from, MemorySegment to, int count) {
    for (int i = 0; i < count; i++) {
      to.setAtIndex(FLOAT, i, (float) from.getAtIndex(DOUBLE, i));
    }
  }
}
