package rondo.engine.graph;

import java.util.List;

/**
 * A weight [rows, width] in 8 bits with one scale for each row: {@code scale = max|w| / 127} for i8
 * or {@code / 448} for e4m3, {@code q = w / scale} to the nearest. Outputs: q of type {@code to}
 * and scale [rows]. It has no gradient.
 */
public record QuantizeRows(Tensor weight, DType to) implements Op {
  public QuantizeRows {
    Check.f32("quantizeRows", weight);
    Check.that(weight.shape().rank() == 2, "quantizeRows: %s must be [rows, width]", weight);
    Check.that(to.isQuantized(), "quantizeRows: %s to %s: only i8 and e4m3", weight, to);
  }

  @Override
  public List<Tensor> inputs() {
    return List.of(weight);
  }

  @Override
  public List<TensorType> outputs() {
    return List.of(weight.type().as(to), TensorType.f32(weight.shape().dim(0)));
  }
}
