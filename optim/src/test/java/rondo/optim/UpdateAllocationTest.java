package rondo.optim;

import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.util.List;
import org.junit.jupiter.api.Test;
import rondo.engine.graph.DType;
import rondo.engine.weights.Parameter;
import rondo.engine.weights.ParameterLayout;
import rondo.optim.OptimizerConfig.AdamWConfig;
import rondo.optim.OptimizerConfig.MuonConfig;

/** An update leaves next to nothing on the Java heap. */
class UpdateAllocationTest {
  private static final int RUNS = 200;

  /** Bytes of an update: the arrays of learning rates on their way to the device. */
  private static final long MOST = 1024;

  @Test
  void anUpdateAllocatesNextToNothingOnceItIsWarm() throws ReflectiveOperationException {
    var rest = new AdamWConfig(0.01, 0.9, 0.95, 1e-10, 0.01);
    var config = new MuonConfig(0.01, 0.01, 0.95, 5, DType.F32, rest);
    var layout =
        new ParameterLayout(
            List.of(
                Parameter.body("a", 8, 12), Parameter.body("b", 8, 12), Parameter.gain("c", 5)));
    var plan = UpdatePlan.of(layout, config, 1);
    try (var device = GoldenFile.device("cpu");
        var weights = device.allocate("weights", layout.bytes());
        var gradients = device.allocate("gradients", layout.bytes());
        var state = device.allocate("state", plan.stateBytes());
        var workspace = device.allocate("workspace", plan.workspaceBytes())) {
      var optimizer = new Optimizer(device, plan, weights, gradients, state, workspace);
      long last = Long.MAX_VALUE;
      // Compiled code needs a while; what counts is where it ends.
      for (int round = 0; round < 60 && last > MOST; round++) {
        long before = allocated();
        for (int i = 0; i < RUNS; i++) {
          optimizer.update(i, 0.5);
        }
        last = (allocated() - before) / RUNS;
      }
      System.out.println("allocated by an update: " + last + " bytes");
      assertTrue(last <= MOST, last + " bytes an update");
    }
  }

  /** Bytes allocated by this thread so far; by reflection, since the module is not required. */
  private static long allocated() throws ReflectiveOperationException {
    var bean =
        Class.forName("java.lang.management.ManagementFactory")
            .getMethod("getThreadMXBean")
            .invoke(null);
    var type = Class.forName("com.sun.management.ThreadMXBean");
    assumeTrue(type.isInstance(bean), "this JVM does not count allocations");
    return (long) type.getMethod("getCurrentThreadAllocatedBytes").invoke(bean);
  }
}
