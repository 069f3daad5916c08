package rondo.nn.depth;

import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import rondo.engine.graph.DType;
import rondo.nn.Golden;
import rondo.nn.RecurrentModel;
import rondo.nn.WeightFiles;
import rondo.nn.WorkingWeights;

/** A training step leaves next to nothing on the Java heap, however deep it goes. */
class StepAllocationTest {
  private static final int RUNS = 200;

  /** Bytes of a step: a few small arrays on the way to the device, nothing for each launch. */
  private static final long MOST = 2048;

  @Test
  void aStepAllocatesNextToNothingAtAnyDepth() throws ReflectiveOperationException {
    var folder = Path.of("src/test/resources/vectors/huginn").toAbsolutePath();
    try (var device = Golden.device("cpu");
        var weights = WeightFiles.load(folder, device)) {
      var plan =
          new DepthPlan((RecurrentModel) weights.model(), 1, 5, 3, Keep.STATE, true, 1, DType.F32);
      try (var working = new WorkingWeights(weights, DType.F32);
          var gradients = device.allocate("gradients", weights.layout().bytes());
          var state = device.allocate("state", plan.stateBytes());
          var workspace = device.allocate("workspace", plan.workspaceBytes())) {
        var step = new DepthStep(device, plan, working, gradients, state, workspace);
        var shallow = new Depth(0, 1);
        var deep = new Depth(4, 3);
        long last = Long.MAX_VALUE;
        // Compiled code needs a while; what counts is where it ends.
        for (int round = 0; round < 60 && last > MOST; round++) {
          last = Math.max(allocated(step, shallow), allocated(step, deep));
        }
        System.out.println("allocated by a step: " + last + " bytes");
        assertTrue(last <= MOST, last + " bytes a step");
      }
    }
  }

  /** Bytes of one of many steps. */
  private static long allocated(DepthStep step, Depth depth) throws ReflectiveOperationException {
    long before = allocated();
    for (int i = 0; i < RUNS; i++) {
      step.run(depth, i);
    }
    return (allocated() - before) / RUNS;
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
