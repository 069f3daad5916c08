package rondo.engine.graph;

import java.util.List;

/** Each matrix of a stack [n, rows, columns] divided by its Frobenius norm plus eps. */
public record NormalizeMatrices(Tensor x, float eps, DType to) implements Op {
  public NormalizeMatrices {
    Check.f32("normalizeMatrices", x);
    Check.that(x.shape().rank() == 3, "normalizeMatrices: %s must be a stack of matrices", x);
    Check.that(to.isFloat(), "normalizeMatrices: %s to %s: only f32 and bf16", x, to);
  }

  @Override
  public List<Tensor> inputs() {
    return List.of(x);
  }

  @Override
  public List<TensorType> outputs() {
    return List.of(new TensorType(to, x.shape()));
  }
}
