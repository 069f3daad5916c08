package rondo.cli;

import org.jspecify.annotations.Nullable;
import rondo.engine.graph.DType;

/** The option --precision: the element type of activations. */
final class Precision {
  private Precision() {}

  /** f32 where nothing is given. */
  static DType parse(String option, @Nullable String given) {
    return switch (given == null ? "f32" : given) {
      case "f32" -> DType.F32;
      case "bf16" -> DType.BF16;
      default ->
          throw new IllegalArgumentException(option + " " + given + ": expected f32 or bf16");
    };
  }
}
