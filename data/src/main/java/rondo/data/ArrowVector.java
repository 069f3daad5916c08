package rondo.data;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.List;

/**
 * A column of a record batch, or what lies inside one, over the bytes of its file (Arrow columnar
 * format 1.5, "Physical memory layout"). Reading beyond them is an IndexOutOfBoundsException.
 */
sealed interface ArrowVector {
  /** Whether there is a value at {@code i}. */
  boolean isThere(long i);

  /** Of one bit each; of no bytes where nothing is missing. */
  record Validity(MemorySegment bits) {
    boolean at(long i) {
      return bits.byteSize() == 0
          || (bits.get(ValueLayout.JAVA_BYTE, i >> 3) >> (int) (i & 7) & 1) != 0;
    }
  }

  /**
   * Where the values of each entry begin, and, at the next, end.
   *
   * @param large of 64 bits rather than 32
   */
  record Offsets(MemorySegment values, boolean large) {
    private static final ValueLayout.OfInt INT =
        ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfLong LONG =
        ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    long at(long i) {
      return large ? values.getAtIndex(LONG, i) : values.getAtIndex(INT, i);
    }

    /** How much entry {@code i} has; at most what an array holds. */
    int count(long i) {
      long count = at(i + 1) - at(i);
      if (count < 0 || count > Integer.MAX_VALUE - 8) {
        throw new IndexOutOfBoundsException("an entry of " + count + " values");
      }
      return (int) count;
    }
  }

  /**
   * Whole numbers.
   *
   * @param bits 8, 16, 32 or 64
   */
  record Numbers(Validity validity, MemorySegment values, int bits, boolean signed)
      implements ArrowVector {
    private static final ValueLayout.OfShort SHORT =
        ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    @Override
    public boolean isThere(long i) {
      return validity.at(i);
    }

    /** A number; one of 64 bits without sign beyond a long is below 0. */
    long at(long i) {
      return switch (bits) {
        case 8 -> {
          byte value = values.get(ValueLayout.JAVA_BYTE, i);
          yield signed ? value : value & 0xff;
        }
        case 16 -> {
          short value = values.getAtIndex(SHORT, i);
          yield signed ? value : value & 0xffff;
        }
        case 32 -> {
          int value = values.getAtIndex(Offsets.INT, i);
          yield signed ? value : value & 0xffff_ffffL;
        }
        default -> values.getAtIndex(Offsets.LONG, i);
      };
    }
  }

  /** Texts in UTF-8. */
  record Texts(Validity validity, Offsets offsets, MemorySegment bytes) implements ArrowVector {
    @Override
    public boolean isThere(long i) {
      return validity.at(i);
    }

    String at(long i) throws CharacterCodingException {
      int count = offsets.count(i);
      byte[] text = bytes.asSlice(offsets.at(i), count).toArray(ValueLayout.JAVA_BYTE);
      return StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(text)).toString();
    }
  }

  /** Lists of the values of {@code items}. */
  record Lists(Validity validity, Offsets offsets, ArrowVector items) implements ArrowVector {
    @Override
    public boolean isThere(long i) {
      return validity.at(i);
    }
  }

  /** Named values side by side. */
  record Structs(Validity validity, List<String> names, List<ArrowVector> fields)
      implements ArrowVector {
    @Override
    public boolean isThere(long i) {
      return validity.at(i);
    }
  }

  /** What is not read. */
  record Other() implements ArrowVector {
    @Override
    public boolean isThere(long i) {
      return false;
    }
  }
}
