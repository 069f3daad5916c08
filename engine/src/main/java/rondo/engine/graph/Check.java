package rondo.engine.graph;

/** Shape rules: one line that names the operation and its operands. */
final class Check {
  private Check() {}

  @SuppressWarnings("AnnotateFormatMethod") // its annotation would be one more dependency
  static void that(boolean holds, String message, Object... operands) {
    if (!holds) {
      throw new IllegalArgumentException(message.formatted(operands));
    }
  }

  static void f32(String operation, Tensor... operands) {
    for (var t : operands) {
      that(t.dtype() == DType.F32, "%s: %s must be f32", operation, t);
    }
  }

  /** What activations and weights in products and tables are. */
  static void floats(String operation, Tensor... operands) {
    for (var t : operands) {
      that(t.dtype().isFloat(), "%s: %s must be f32 or bf16", operation, t);
    }
  }

  static void type(String operation, Tensor t, TensorType type) {
    that(t.type().equals(type), "%s: %s must be %s", operation, t, type);
  }

  static void sameType(String operation, Tensor a, Tensor b) {
    that(a.type().equals(b.type()), "%s: %s and %s differ", operation, a, b);
  }

  static void shape(String operation, Tensor t, int... dims) {
    that(
        t.shape().equals(Shape.of(dims)),
        "%s: %s must have shape %s",
        operation,
        t,
        Shape.of(dims));
  }
}
