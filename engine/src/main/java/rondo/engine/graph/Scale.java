package rondo.engine.graph;

import java.util.List;

/** {@code factor · x}. */
public record Scale(Tensor x, float factor) implements Op {
  public Scale {
    Check.floats("scale", x);
  }

  @Override
  public List<Tensor> inputs() {
    return List.of(x);
  }

  @Override
  public List<TensorType> outputs() {
    return List.of(x.type());
  }

  @Override
  public void differentiate(Gradients g, List<Tensor> outputs) {
    var dy = g.of(outputs.getFirst());
    g.add(x, () -> g.graph().add(new Scale(dy, factor)));
  }

  @Override
  public boolean mayOverwrite(int output, Tensor input) {
    return true;
  }
}
