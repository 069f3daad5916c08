package rondo.optim;

import rondo.engine.graph.Graph;
import rondo.engine.graph.Tensor;
import rondo.engine.graph.TensorType;
import rondo.optim.OptimizerConfig.AdamWConfig;
import rondo.optim.OptimizerConfig.EllisAdamConfig;
import rondo.optim.OptimizerConfig.MuonConfig;

/**
 * What changes from step to step of one optimiser on one group: its learning rate and bias
 * corrections, which lie in device memory so that a program replays unchanged.
 */
record Control(OptimizerConfig optimizer, ParameterGroup group, Tensor tensor) {
  /** Elements from one control to the next, where those of an update lie together: 256 bytes. */
  static final int STEP = 64;

  static Control trace(Graph graph, OptimizerConfig optimizer, ParameterGroup group) {
    int size =
        switch (optimizer) {
          case MuonConfig _ -> 1;
          case AdamWConfig _ -> 3;
          case EllisAdamConfig _ -> 5;
        };
    var tensor = graph.input("control", TensorType.f32(size));
    return new Control(optimizer, group, tensor);
  }

  boolean isOf(OptimizerConfig other, ParameterGroup of) {
    return optimizer.equals(other) && group.equals(of);
  }

  /**
   * Writes its values.
   *
   * @param updates taken before this one
   * @param factor of the peak learning rate
   * @param throttle divisor of the learning rate of throttled groups
   * @param at where its first one goes
   */
  void write(long updates, double factor, double throttle, float[] values, int at) {
    double scale = group.factor(factor, throttle);
    values[at] = (float) (scale * optimizer.lr());
    switch (optimizer) {
      case MuonConfig _ -> {}
      case AdamWConfig a -> {
        values[at + 1] = unbias(a.beta1(), updates);
        values[at + 2] = unbias(a.beta2(), updates);
      }
      case EllisAdamConfig e -> {
        values[at + 1] = unbias(e.beta1(), updates);
        values[at + 2] = unbias(e.beta2(), updates);
        // The group's own peak has its factor in it, so that the decay has not.
        values[at + 3] = (float) (scale / group.lrFactor());
        values[at + 4] = e.runningInit() && updates == 0 ? 1 : 0;
      }
    }
  }

  private static float unbias(double beta, long updates) {
    return (float) (1 - Math.pow(beta, updates + 1.0));
  }
}
