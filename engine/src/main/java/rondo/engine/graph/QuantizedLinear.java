package rondo.engine.graph;

import java.util.List;

/**
 * {@code x · wᵀ} for a weight {@code w[i, :] = scale[i] · q[i, :]} as {@link QuantizeRows} makes
 * it: the linear layer of decoding, of the type of {@code x}. It has no gradient.
 */
public record QuantizedLinear(Tensor x, Tensor q, Tensor scale) implements Op {
  public QuantizedLinear {
    Check.floats("quantizedLinear", x);
    Check.that(q.dtype().isQuantized(), "quantizedLinear: weight %s must be i8 or e4m3", q);
    Check.that(
        q.shape().rank() == 2 && q.shape().last() == x.shape().last(),
        "quantizedLinear: weight %s does not fit %s",
        q,
        x);
    Check.type("quantizedLinear: scale", scale, TensorType.f32(q.shape().dim(0)));
  }

  @Override
  public List<Tensor> inputs() {
    return List.of(x, q, scale);
  }

  @Override
  public List<TensorType> outputs() {
    return List.of(x.type().withLast(q.shape().dim(0)));
  }

  @Override
  public long flops() {
    return 2L * x.shape().size() * q.shape().dim(0);
  }
}
