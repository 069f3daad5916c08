package rondo.nn;

import rondo.engine.graph.RmsNorm;
import rondo.engine.graph.Tensor;
import rondo.engine.weights.Parameter;

/** RMSNorm with a learned gain. */
public record Norm(Parameter gain, double eps) {
  static Norm of(String path, int width, double eps) {
    return new Norm(Parameter.gain(path + ".weight", width), eps);
  }

  Tensor apply(Trace t, Tensor x) {
    return t.graph().add(new RmsNorm(x, null, t.parameter(gain), (float) eps));
  }

  /** A normed value, and the sum that was normed. */
  record Summed(Tensor y, Tensor sum) {}

  /** Of {@code x + residual}, in one operation. */
  Summed apply(Trace t, Tensor x, Tensor residual) {
    var out = t.graph().addAll(new RmsNorm(x, residual, t.parameter(gain), (float) eps));
    return new Summed(out.get(0), out.get(2));
  }
}
