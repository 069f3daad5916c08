package rondo.nn;

import java.util.List;
import rondo.engine.graph.GatedSilu;
import rondo.engine.graph.MatMul;
import rondo.engine.graph.Tensor;
import rondo.engine.weights.Parameter;
import rondo.nn.checkpoint.BlockConfig;

/** {@code proj(silu(gate) · up)} with gate and up fused in one product, gate rows first. */
public record GatedMlp(Parameter fc, Parameter proj) {
  static GatedMlp of(String path, BlockConfig c) {
    return new GatedMlp(
        Parameter.body(path + ".fc.weight", 2 * c.hidden(), c.width()),
        Parameter.body(path + ".proj.weight", c.width(), c.hidden()));
  }

  List<Parameter> parameters() {
    return List.of(fc, proj);
  }

  /** The product that comes before the output projection. */
  private Tensor hidden(Trace t, Tensor x) {
    return t.graph().add(new GatedSilu(t.graph().add(MatMul.linear(x, t.parameter(fc)))));
  }

  Tensor apply(Trace t, Tensor x) {
    return t.graph().add(MatMul.linear(hidden(t, x), t.parameter(proj)));
  }

  /** With the residual added by the product itself. */
  Tensor apply(Trace t, Tensor x, Tensor residual) {
    return t.graph().add(MatMul.linear(hidden(t, x), t.parameter(proj), residual));
  }
}
