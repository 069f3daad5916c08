package rondo.nn.checkpoint;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;

/** A named tensor for {@link SafetensorsWriter}: its values are asked for piece by piece. */
public final class TensorToWrite {
  private final String name;
  private final StoredType type;
  private final long[] shape;
  private final long elements;
  private final Values values;

  private TensorToWrite(String name, StoredType type, long[] shape, Values values) {
    this.name = name;
    this.type = type;
    this.shape = shape.clone();
    this.elements = elements(name, shape);
    this.values = values;
  }

  /** Where values come from, so that weights on a device need no whole copy on the host. */
  @FunctionalInterface
  public interface Values {
    /** Fills all of {@code to} with the elements from {@code firstElement} on, little-endian. */
    void copyTo(long firstElement, MemorySegment to);
  }

  /** Float32 values, stored as they are. */
  public static TensorToWrite f32(String name, Values floats, long... shape) {
    return new TensorToWrite(name, StoredType.F32, shape, floats);
  }

  /** Float32 values, stored as bfloat16, rounded to nearest, ties to even. */
  public static TensorToWrite bf16(String name, Values floats, long... shape) {
    return new TensorToWrite(name, StoredType.BF16, shape, floats);
  }

  /** Float32 values in memory, stored as they are. */
  public static TensorToWrite f32(String name, MemorySegment floats, long... shape) {
    return f32(name, inMemory(name, floats, Float.BYTES, shape), shape);
  }

  /** Float32 values in memory, stored as bfloat16. */
  public static TensorToWrite bf16(String name, MemorySegment floats, long... shape) {
    return bf16(name, inMemory(name, floats, Float.BYTES, shape), shape);
  }

  public static TensorToWrite i64(String name, long[] values, long... shape) {
    MemorySegment memory = MemorySegment.ofArray(values);
    return new TensorToWrite(
        name, StoredType.I64, shape, inMemory(name, memory, Long.BYTES, shape));
  }

  public static TensorToWrite i32(String name, int[] values, long... shape) {
    MemorySegment memory = MemorySegment.ofArray(values);
    return new TensorToWrite(
        name, StoredType.I32, shape, inMemory(name, memory, Integer.BYTES, shape));
  }

  public String name() {
    return name;
  }

  public StoredType type() {
    return type;
  }

  public long[] shape() {
    return shape.clone();
  }

  /** Bytes in the file. */
  public long bytes() {
    return elements * type.bytes();
  }

  long elements() {
    return elements;
  }

  Values values() {
    return values;
  }

  private static Values inMemory(String name, MemorySegment memory, int bytes, long[] shape) {
    long expected = elements(name, shape) * bytes;
    if (memory.byteSize() != expected) {
      throw new IllegalArgumentException(
          "'%s' %s is given %d bytes, expected %d"
              .formatted(name, Arrays.toString(shape), memory.byteSize(), expected));
    }
    return (firstElement, to) ->
        MemorySegment.copy(memory, firstElement * bytes, to, 0, to.byteSize());
  }

  private static long elements(String name, long[] shape) {
    long product = 1;
    for (long size : shape) {
      // The bytes of eight-byte elements must not overflow either.
      if (size < 0
          || Math.multiplyHigh(product * Long.BYTES, size) != 0
          || product * Long.BYTES * size < 0) {
        throw new IllegalArgumentException(
            "'%s' has the shape %s".formatted(name, Arrays.toString(shape)));
      }
      product *= size;
    }
    return product;
  }
}
