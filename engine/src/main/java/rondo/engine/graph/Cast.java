package rondo.engine.graph;

import java.util.List;

/**
 * The same values in another element type, rounded to nearest even. Its gradient is the cast back.
 */
public record Cast(Tensor x, DType to) implements Op {
  public Cast {
    Check.that(x.dtype().isFloat() && to.isFloat(), "cast: %s to %s: only f32 and bf16", x, to);
  }

  @Override
  public List<Tensor> inputs() {
    return List.of(x);
  }

  @Override
  public List<TensorType> outputs() {
    return List.of(new TensorType(to, x.shape()));
  }

  @Override
  public void differentiate(Gradients g, List<Tensor> outputs) {
    var dy = g.of(outputs.getFirst());
    // A weight's gradient is f32 whatever the weight is, and then needs no cast.
    g.add(x, () -> dy.dtype() == x.dtype() ? dy : g.graph().add(new Cast(dy, x.dtype())));
  }
}
