package rondo.engine.graph;

import java.util.List;

/** Σ x², one number, summed in double in an order fixed by the shape. */
public record SumSquares(Tensor x) implements Op {
  public SumSquares {
    Check.f32("sumSquares", x);
  }

  @Override
  public List<Tensor> inputs() {
    return List.of(x);
  }

  @Override
  public List<TensorType> outputs() {
    return List.of(TensorType.f32(1));
  }
}
