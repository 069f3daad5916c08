package rondo.bench.gpu;

import java.util.List;
import java.util.Map;
import rondo.engine.device.Device;
import rondo.engine.graph.Graph;
import rondo.engine.graph.Program;
import rondo.engine.graph.TensorType;
import rondo.engine.graph.TruncatedNormal;
import rondo.engine.weights.Parameter;
import rondo.nn.Weights;

/** Weights to measure with, drawn on the device: a billion of them would take a host minutes. */
final class RandomWeights {
  private RandomWeights() {}

  /** Normal matrices of a deviation that keeps activations near 1, gains of one, biases of zero. */
  static void fill(Weights weights, Device device) {
    float std = (float) Math.sqrt(2.0 / (5 * weights.model().config().block().width()));
    try (var memory = device.allocate("key", 16);
        var workspace = device.allocate("workspace", 0)) {
      var key = memory.next(TensorType.i64(2));
      long drawn = 0;
      for (var p : weights.model().parameters()) {
        if (p.group() == Parameter.Group.GAIN) {
          var values = new float[Math.toIntExact(p.shape().size())];
          java.util.Arrays.fill(values, p.name().endsWith("bias") ? 0 : 1);
          device.write(weights.of(p), values);
          continue;
        }
        var graph = new Graph();
        var keyIn = graph.input("key", key.type());
        var out = graph.add(new TruncatedNormal(keyIn, p.shape(), std, 3));
        var program = Program.slice(p.name(), graph, List.of(keyIn), List.of(out), List.of());
        device.write(key, drawn++, 0);
        device.bind(program, Map.of(keyIn, key, out, weights.of(p)), workspace).run();
      }
      device.synchronize();
    }
  }
}
