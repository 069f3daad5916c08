package rondo.optim;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import rondo.engine.device.Buffer;
import rondo.engine.device.Device;
import rondo.engine.graph.Cast;
import rondo.engine.graph.DType;
import rondo.engine.graph.Graph;
import rondo.engine.graph.Program;
import rondo.engine.graph.Tensor;
import rondo.engine.weights.Parameter;
import rondo.engine.weights.ParameterLayout;
import rondo.optim.OptimizerConfig.AdamWConfig;
import rondo.optim.OptimizerConfig.MuonConfig;

/** Newton-Schulz and three steps of each optimiser against golden values. */
class GoldenOptimizerTest {
  private static final AdamWConfig ADAM = new AdamWConfig(0.01, 0.9, 0.95, 1e-10, 0.01);

  static Stream<Arguments> shapesAndDevices() {
    return Stream.of("16x40", "24x24", "40x16")
        .flatMap(shape -> Stream.of("plain", "cpu", "emulated").map(on -> Arguments.of(shape, on)));
  }

  @ParameterizedTest(name = "{0} on {1}")
  @MethodSource("shapesAndDevices")
  void newtonSchulzIsTheGoldenOne(String shape, String on) {
    var golden = GoldenFile.open();
    try (var device = GoldenFile.device(on)) {
      var expected = golden.require("ns." + shape + ".out").floats();
      assertClose(expected, newtonSchulz(golden, shape, device, DType.F32), 1e-5);
      // As published, in bf16: every singular value stays near one, no more is promised.
      assertClose(expected, newtonSchulz(golden, shape, device, DType.BF16), 5e-2);
    }
  }

  private static float[] newtonSchulz(
      GoldenFile golden, String shape, Device device, DType precision) {
    var input = golden.require("ns." + shape + ".in");
    var graph = new Graph();
    int rows = input.type().shape().dim(0);
    int columns = input.type().shape().dim(1);
    // A stack of two, the second one zero, which must not disturb the first.
    var x = graph.input("x", rondo.engine.graph.TensorType.f32(2, rows, columns));
    var y = NewtonSchulz.trace(graph, x, 5, precision);
    Tensor out = precision == DType.F32 ? y : graph.add(new Cast(y, DType.F32));
    var program = Program.slice("newton-schulz", graph, List.of(x), List.of(out), List.of());
    try (var memory = device.allocate("memory", 2 * x.type().bytes() + 512);
        var workspace = device.allocate("workspace", program.workspaceBytes())) {
      Map<Tensor, Buffer> b = Map.of(x, memory.next(x.type()), out, memory.next(out.type()));
      var both = new float[2 * rows * columns];
      System.arraycopy(input.floats(), 0, both, 0, rows * columns);
      device.write(buffer(b, x), both);
      device.bind(program, b, workspace).run();
      var result = device.floats(buffer(b, out));
      for (int i = rows * columns; i < result.length; i++) {
        assertEquals(0, result[i], "the zero matrix stays zero");
      }
      return java.util.Arrays.copyOf(result, rows * columns);
    }
  }

  private static Buffer buffer(Map<Tensor, Buffer> bindings, Tensor t) {
    var buffer = bindings.get(t);
    if (buffer == null) {
      throw new AssertionError(t + " is not bound");
    }
    return buffer;
  }

  @ParameterizedTest(name = "{0} on {1}")
  @MethodSource("shapesAndDevices")
  void threeStepsOfMuonChangeTheWeightsAsGiven(String shape, String on) {
    var config = new MuonConfig(0.01, 0.01, 0.95, 5, DType.F32, ADAM);
    assertSteps(shape, "muon", Parameter.Group.BODY, config, on);
  }

  @ParameterizedTest(name = "{0} on {1}")
  @MethodSource("shapesAndDevices")
  void threeStepsOfAdamWChangeTheWeightsAsGiven(String shape, String on) {
    assertSteps(shape, "adamw", Parameter.Group.BODY, ADAM, on);
    // The same numbers where Muon leaves a parameter to AdamW.
    var muon = new MuonConfig(0.5, 0.5, 0.95, 5, DType.F32, ADAM);
    assertSteps(shape, "adamw", Parameter.Group.EMBEDDING, muon, on);
  }

  private static void assertSteps(
      String shape, String kind, Parameter.Group group, OptimizerConfig config, String on) {
    var golden = GoldenFile.open();
    var start = golden.require("opt." + shape + ".start");
    // A second parameter of the other group beside it, whose gradient is zero.
    var p = new Parameter("p", start.type().shape(), group);
    var gain = Parameter.gain("gain", 5);
    var layout = new ParameterLayout(List.of(gain, p));
    var plan = UpdatePlan.of(layout, config, 0);
    try (var device = GoldenFile.device(on);
        var weights = device.allocate("weights", layout.bytes());
        var gradients = device.allocate("gradients", layout.bytes());
        var state = device.allocate("state", plan.stateBytes());
        var workspace = device.allocate("workspace", plan.workspaceBytes())) {
      device.write(layout.of(p, weights), start.floats());
      var optimizer = new Optimizer(device, plan, weights, gradients, state, workspace);
      for (int step = 1; step <= 3; step++) {
        var gradient = golden.require("opt." + shape + ".grad" + step).floats();
        device.write(layout.of(p, gradients), gradient);
        optimizer.update(step - 1, 1);
        var expected = golden.require("opt." + shape + "." + kind + step).floats();
        assertClose(
            change(start.floats(), expected),
            change(start.floats(), device.floats(layout.of(p, weights))),
            1e-4);
        assertEquals(norm(gradient), optimizer.gradientNorm(), 1e-5 * norm(gradient));
      }
      for (float value : device.floats(layout.of(gain, weights))) {
        assertEquals(0, value, "no gradient, no weight: no change");
      }
    }
  }

  private static float[] change(float[] from, float[] to) {
    var change = new float[from.length];
    for (int i = 0; i < from.length; i++) {
      change[i] = to[i] - from[i];
    }
    return change;
  }

  static double norm(float[] x) {
    double sum = 0;
    for (float v : x) {
      sum += (double) v * v;
    }
    return Math.sqrt(sum);
  }

  private static void assertClose(float[] expected, float[] actual, double tolerance) {
    double distance = norm(change(expected, actual)) / norm(expected);
    assertTrue(distance < tolerance, () -> "relative error " + distance + " ≥ " + tolerance);
  }
}
