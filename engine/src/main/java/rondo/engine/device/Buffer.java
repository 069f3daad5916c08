package rondo.engine.device;

import java.lang.foreign.MemorySegment;
import rondo.engine.graph.DType;
import rondo.engine.graph.Shape;
import rondo.engine.graph.TensorType;

/**
 * Memory for one tensor on a device.
 *
 * @param memory from its first element on, in the device's bytes: at least to the end of its last
 *     row
 * @param stride elements (not bytes) from one row's beginning to the next one's: the last extent,
 *     or more for a view of some columns
 * @param host whether the device's memory is the host's own, so that Java may read and write it
 */
public record Buffer(TensorType type, MemorySegment memory, long stride, boolean host) {
  public Buffer {
    long bytes = ((type.shape().rows() - 1) * stride + type.shape().last()) * type.dtype().bytes();
    if (stride < type.shape().last() || memory.byteSize() < bytes) {
      throw new IllegalArgumentException(
          "buffer: "
              + type
              + " with stride "
              + stride
              + " needs "
              + bytes
              + " bytes, has "
              + memory.byteSize());
    }
  }

  static Buffer dense(TensorType type, MemorySegment memory, boolean host) {
    return new Buffer(type, memory, type.shape().last(), host);
  }

  /**
   * The memory itself.
   *
   * @throws IllegalStateException when it is a GPU's, which Java cannot touch
   */
  @Override
  public MemorySegment memory() {
    if (!host) {
      throw new IllegalStateException(
          "the memory of " + type + " is a GPU's: read and fill it through its device");
    }
    return memory;
  }

  /** Where it is, to be passed on and never to be read. */
  MemorySegment pointer() {
    return memory;
  }

  public boolean isDense() {
    return stride == type.shape().last();
  }

  /** Columns {@code from} … {@code from + count - 1} of every row. */
  public Buffer columns(int from, int count) {
    var s = type.shape();
    if (from < 0 || count < 1 || from + count > s.last()) {
      throw new IllegalArgumentException(
          "buffer: columns " + from + " to " + (from + count - 1) + " of " + type);
    }
    long skip = (long) from * type.dtype().bytes();
    long bytes = ((s.rows() - 1) * stride + count) * type.dtype().bytes();
    return new Buffer(type.withLast(count), memory.asSlice(skip, bytes), stride, host);
  }

  /** The same elements under another shape. */
  public Buffer as(int... dims) {
    var shape = Shape.of(dims);
    if (!isDense() || shape.size() != type.shape().size()) {
      throw new IllegalArgumentException("buffer: " + type + " cannot be seen as " + shape);
    }
    return dense(new TensorType(type.dtype(), shape), memory, host);
  }

  /** A dense run of elements from a dense buffer. */
  public Buffer slice(long fromElement, int... dims) {
    if (!isDense()) {
      throw new IllegalArgumentException("buffer: a view of " + type + " cannot be sliced");
    }
    var slice = new TensorType(type.dtype(), Shape.of(dims));
    return dense(slice, memory.asSlice(fromElement * type.dtype().bytes(), slice.bytes()), host);
  }

  public DType dtype() {
    return type.dtype();
  }
}
