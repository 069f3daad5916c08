package rondo.engine.graph;

import java.util.List;

/**
 * [norm, min(1, maxNorm / (norm + 1e-6))] from a sum of squares: the factor of global-norm
 * clipping, left on the device. No clipping when maxNorm ≤ 0.
 */
public record ClipFactor(Tensor sumSquares, float maxNorm) implements Op {
  public ClipFactor {
    Check.type("clipFactor", sumSquares, TensorType.f32(1));
  }

  @Override
  public List<Tensor> inputs() {
    return List.of(sumSquares);
  }

  @Override
  public List<TensorType> outputs() {
    return List.of(TensorType.f32(2));
  }
}
