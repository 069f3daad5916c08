package rondo.engine.graph;

import java.util.List;

/** {@code a + b}, same shapes. */
public record Add(Tensor a, Tensor b) implements Op {
  public Add {
    Check.floats("add", a, b);
    Check.sameType("add", a, b);
  }

  @Override
  public List<Tensor> inputs() {
    return List.of(a, b);
  }

  @Override
  public List<TensorType> outputs() {
    return List.of(a.type());
  }

  @Override
  public void differentiate(Gradients g, List<Tensor> outputs) {
    var dy = g.of(outputs.getFirst());
    g.add(a, () -> dy);
    g.add(b, () -> dy);
  }

  @Override
  public boolean mayOverwrite(int output, Tensor input) {
    return true;
  }
}
