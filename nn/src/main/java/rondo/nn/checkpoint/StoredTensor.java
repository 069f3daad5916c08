package rondo.nn.checkpoint;

import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.Arrays;

/**
 * One tensor of an open {@link SafetensorsFile}: a view of the file's memory, row-major, dead when
 * the file is closed. Nothing is copied before one of the methods copies it.
 */
public final class StoredTensor {
  private final Path file;
  private final String name;
  private final StoredType type;
  private final long[] shape;
  private final MemorySegment data;

  StoredTensor(Path file, String name, StoredType type, long[] shape, MemorySegment data) {
    this.file = file;
    this.name = name;
    this.type = type;
    this.shape = shape.clone();
    this.data = data;
  }

  /** The file that holds it, for messages. */
  public Path file() {
    return file;
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

  /** The stored bytes, little-endian; their address need not be a multiple of the element size. */
  public MemorySegment data() {
    return data;
  }

  public long elements() {
    return data.byteSize() / type.bytes();
  }

  /** The first dimension; 1 for a scalar. */
  public long rows() {
    return shape.length == 0 ? 1 : shape[0];
  }

  /**
   * Converts all elements (F32, BF16, F16 or F64) to float32.
   *
   * @param floats little-endian float32 memory of any alignment
   * @param firstElement where in {@code floats} the first one goes, in elements
   */
  public void copyTo(MemorySegment floats, long firstElement) {
    copyElements(0, elements(), floats, firstElement);
  }

  /**
   * Converts {@code count} rows (indices of the first dimension) from row {@code fromRow} on: what
   * concatenating and cutting stacked matrices needs.
   */
  public void copyRows(long fromRow, long count, MemorySegment floats, long firstElement) {
    if (fromRow < 0 || count < 0 || fromRow > rows() - count) {
      throw new IllegalArgumentException(
          "rows %d to %d of '%s' %s".formatted(fromRow, fromRow + count, name, shapeText()));
    }
    long width = rows() == 0 ? 0 : elements() / rows();
    copyElements(fromRow * width, count * width, floats, firstElement);
  }

  /** Converts {@code count} elements from element {@code from} on, in row-major order. */
  void copyRange(long from, long count, MemorySegment floats) {
    copyElements(from, count, floats, 0);
  }

  /** All elements of a floating-point tensor as float32. */
  public float[] readFloats() {
    float[] values = new float[arrayLength()];
    copyTo(MemorySegment.ofArray(values), 0);
    return values;
  }

  /** All elements of an I64 or I32 tensor, checked against the range of an int. */
  public int[] readInts() {
    if (type != StoredType.I64 && type != StoredType.I32) {
      throw new CheckpointException(
          file, "tensor '%s' is %s; expected I64 or I32".formatted(name, type));
    }
    int[] values = new int[arrayLength()];
    for (int i = 0; i < values.length; i++) {
      long value =
          type == StoredType.I64
              ? data.getAtIndex(Conversions.LONG, i)
              : data.getAtIndex(Conversions.INT, i);
      if (value != (int) value) {
        throw new CheckpointException(
            file, "tensor '%s' holds %d at %d; expected 32 bits".formatted(name, value, i));
      }
      values[i] = (int) value;
    }
    return values;
  }

  /** The shape as messages print it: {@code [128, 64]}. */
  public String shapeText() {
    return Arrays.toString(shape);
  }

  @Override
  public String toString() {
    return name + " " + type + " " + shapeText();
  }

  /** As {@link #copyTo}, of {@code count} elements from {@code from} on, row-major. */
  public void copyElements(long from, long count, MemorySegment floats, long firstElement) {
    if (!Conversions.isFloat(type)) {
      throw new CheckpointException(
          file, "tensor '%s' is %s; expected F32, BF16, F16 or F64".formatted(name, type));
    }
    long room = floats.byteSize() / Float.BYTES;
    if (firstElement < 0 || firstElement > room - count) {
      throw new IllegalArgumentException(
          "%d elements of '%s' do not fit at element %d of %d"
              .formatted(count, name, firstElement, room));
    }
    Conversions.toFloats(
        type,
        data.asSlice(from * type.bytes(), count * type.bytes()),
        floats.asSlice(firstElement * Float.BYTES, count * Float.BYTES),
        count);
  }

  private int arrayLength() {
    if (elements() > Integer.MAX_VALUE - 8) {
      throw new CheckpointException(
          file, "tensor '%s' %s is too large for an array".formatted(name, shapeText()));
    }
    return (int) elements();
  }
}
