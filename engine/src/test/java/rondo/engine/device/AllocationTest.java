package rondo.engine.device;

import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import rondo.engine.TestDevices;
import rondo.engine.graph.Attention;
import rondo.engine.graph.GatedSilu;
import rondo.engine.graph.Gradients;
import rondo.engine.graph.Graph;
import rondo.engine.graph.Heads;
import rondo.engine.graph.LinearCrossEntropy;
import rondo.engine.graph.MatMul;
import rondo.engine.graph.Program;
import rondo.engine.graph.RmsNorm;
import rondo.engine.graph.Tensor;
import rondo.engine.graph.TensorType;

/** Running a program allocates nothing on the Java heap; plain loops may make a few segments. */
class AllocationTest {
  private static final int RUNS = 500;

  @ParameterizedTest(name = "on {0}")
  @CsvSource({"plain,1024", "cpu,64"})
  void aRunAllocatesNextToNothingOnceItIsWarm(String on, long most)
      throws ReflectiveOperationException {
    try (var device = TestDevices.open(on);
        var memory = device.allocate("memory", 1 << 20);
        var workspace = device.allocate("workspace", 1 << 20)) {
      var step = step(device, memory, workspace);
      long last = Long.MAX_VALUE;
      // Compiled code needs a while; what counts is where it ends.
      for (int round = 0; round < 20 && last > most * RUNS; round++) {
        long before = allocated();
        for (int i = 0; i < RUNS; i++) {
          step.run();
        }
        last = allocated() - before;
      }
      System.out.println("allocated on " + on + ": " + last + " bytes in " + RUNS + " runs");
      assertTrue(last <= most * RUNS, last + " bytes in " + RUNS + " runs");
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

  /** A small block with its loss and gradients. */
  private static Executable step(Device device, Region memory, Region workspace) {
    var g = new Graph();
    var heads = new Heads(2, 1, 4);
    var x = g.input("x", TensorType.f32(2, 3, 8));
    var gain = g.input("gain", TensorType.f32(8));
    var wQkv = g.input("w qkv", TensorType.f32(16, 8));
    var wFc = g.input("w fc", TensorType.f32(12, 8));
    var head = g.input("head", TensorType.f32(11, 6));
    var targets = g.input("targets", TensorType.i32(2, 3));
    var normed = g.add(new RmsNorm(x, null, gain, 0.1f));
    var a = g.add(new Attention(g.add(MatMul.linear(normed, wQkv)), heads, 0.5f));
    var y = g.add(new GatedSilu(g.add(MatMul.linear(a, wFc))));
    var loss = g.add(new LinearCrossEntropy(y, head, targets, 4, 1));
    var inputs = List.of(x, gain, wQkv, wFc, head, targets);
    var added = Gradients.of(loss, null, List.of(x, gain, wQkv, wFc, head));
    var program = Program.slice("step", g, inputs, List.of(loss), added);
    Map<Tensor, Buffer> bindings = new HashMap<>();
    inputs.forEach(t -> bindings.put(t, memory.next(t.type())));
    added.forEach(t -> bindings.put(t, memory.next(t.type())));
    bindings.put(loss, memory.next(loss.type()));
    return device.bind(program, bindings, workspace);
  }
}
