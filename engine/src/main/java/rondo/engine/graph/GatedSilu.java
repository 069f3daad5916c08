package rondo.engine.graph;

import java.util.List;

/** {@code silu(gate) · up} of {@code x = [gate | up]}, [.., 2·width] → [.., width] (SwiGLU). */
public record GatedSilu(Tensor x) implements Op {
  public GatedSilu {
    Check.floats("gatedSilu", x);
    Check.that(x.shape().last() % 2 == 0, "gatedSilu: %s must have an even last extent", x);
  }

  @Override
  public List<Tensor> inputs() {
    return List.of(x);
  }

  @Override
  public List<TensorType> outputs() {
    return List.of(x.type().withLast(x.shape().last() / 2));
  }

  @Override
  public void differentiate(Gradients g, List<Tensor> outputs) {
    var dy = g.of(outputs.getFirst());
    g.add(x, () -> g.graph().add(new Gradient(x, dy)));
  }

  /** The gradient of {@link GatedSilu} with respect to both halves. */
  public record Gradient(Tensor x, Tensor dy) implements Op {
    public Gradient {
      Check.floats("gatedSilu gradient", x);
      Check.that(
          x.shape().last() % 2 == 0 && dy.type().equals(x.type().withLast(x.shape().last() / 2)),
          "gatedSilu gradient: %s must be of the type of, and half as wide as %s",
          dy,
          x);
    }

    @Override
    public List<Tensor> inputs() {
      return List.of(x, dy);
    }

    @Override
    public List<TensorType> outputs() {
      return List.of(x.type());
    }
  }
}
