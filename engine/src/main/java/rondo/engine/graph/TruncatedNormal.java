package rondo.engine.graph;

import java.util.List;

/**
 * {@code std · z} with z standard normal truncated to ±cut: a pure function of {@code key} (i64
 * [2]) and the index, the same on every device to rounding (Philox4x32-10).
 */
public record TruncatedNormal(Tensor key, Shape shape, float std, float cut) implements Op {
  public TruncatedNormal {
    Check.that(key.type().equals(TensorType.i64(2)), "truncatedNormal: key %s must be i64[2]", key);
  }

  @Override
  public List<Tensor> inputs() {
    return List.of(key);
  }

  @Override
  public List<TensorType> outputs() {
    return List.of(new TensorType(DType.F32, shape));
  }
}
