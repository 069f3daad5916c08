package rondo.nn;

import rondo.engine.device.Device;
import rondo.engine.random.Philox;
import rondo.engine.weights.Parameter;
import rondo.nn.checkpoint.BaseConfig;
import rondo.nn.checkpoint.RecurrentConfig;

/**
 * Random weights for training from scratch (Takase et al., arXiv 2312.16903, as Huginn uses it):
 * truncated normal at ±3 deviations with std √(2/(5·width)), output projections divided by √(2·L)
 * for L executed layers, norms one, biases zero. A pure function of (seed, parameter, element).
 */
public final class Initializer {
  private Initializer() {}

  public static void fill(Weights weights, Device device, long seed) {
    var config = weights.model().config();
    int layers =
        switch (config) {
          case BaseConfig c -> c.layers();
          case RecurrentConfig c -> c.effectiveDepth();
        };
    double std = Math.sqrt(2.0 / (5 * config.block().width()));
    double out = std / Math.sqrt(2.0 * layers);
    int index = 0;
    for (var p : weights.model().parameters()) {
      var values = new float[Math.toIntExact(p.shape().size())];
      switch (p.group()) {
        case GAIN -> java.util.Arrays.fill(values, p.name().endsWith("bias") ? 0 : 1);
        case BODY, EMBEDDING ->
            normal(values, p.name().endsWith(".proj.weight") ? out : std, seed, index);
      }
      device.write(weights.of(p), values);
      index++;
    }
  }

  private static void normal(float[] values, double std, long seed, int parameter) {
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) (std * Philox.truncatedNormal(seed, parameter, i, 3));
    }
  }

  /** Uniform in ±1/√(2·width): PyTorch's default for a linear layer, which the retrofits keep. */
  static float[] kaiming(Parameter adapter, long seed) {
    double bound = 1 / Math.sqrt(adapter.shape().last());
    var values = new float[Math.toIntExact(adapter.shape().size())];
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) (bound * (2 * Philox.uniform(seed, 0x61646170L, i) - 1));
    }
    return values;
  }
}
