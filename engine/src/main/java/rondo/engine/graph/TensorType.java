package rondo.engine.graph;

/** What is known about a value before it exists. */
public record TensorType(DType dtype, Shape shape) {
  public static TensorType f32(int... dims) {
    return new TensorType(DType.F32, Shape.of(dims));
  }

  public static TensorType of(DType dtype, int... dims) {
    return new TensorType(dtype, Shape.of(dims));
  }

  public static TensorType i32(int... dims) {
    return new TensorType(DType.I32, Shape.of(dims));
  }

  public static TensorType i64(int... dims) {
    return new TensorType(DType.I64, Shape.of(dims));
  }

  public long bytes() {
    return shape.size() * dtype.bytes();
  }

  public TensorType withLast(int n) {
    return new TensorType(dtype, shape.withLast(n));
  }

  public TensorType as(DType other) {
    return new TensorType(other, shape);
  }

  @Override
  public String toString() {
    return dtype + "" + shape;
  }
}
