package rondo.engine.graph;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import rondo.engine.TestDevices;
import rondo.engine.device.Buffer;
import rondo.engine.graph.GradientSamples.Build;
import rondo.engine.graph.GradientSamples.Case;

/** Gradients of every differentiable operation against central differences in double precision. */
class GradientsTest {
  private static final long SEED = Long.getLong("rondo.seed", 20_260_102L);
  private static final double STEP = 1e-5;

  private static Stream<Arguments> everywhere() {
    System.out.println("gradients: -Drondo.seed=" + SEED);
    return GradientSamples.cases()
        .flatMap(c -> Stream.of("plain", "cpu", "emulated").map(on -> Arguments.of(c, on)));
  }

  @ParameterizedTest(name = "{0} on {1}")
  @MethodSource("everywhere")
  void gradientIsTheDifferenceQuotient(Case c, String on) {
    var b = new Build(SEED + c.name().hashCode());
    var loss = c.loss().apply(b);
    var forward = List.copyOf(b.graph.nodes());
    double scale = scale(forward.getLast().op());
    var gradients = Gradients.of(loss, null, b.wanted);
    var results = new ArrayList<>(gradients);
    results.add(loss);
    var actual = run(b, results.stream().distinct().toList(), on);
    double exact = Double64.evaluate(forward, b.inputs).of(loss)[0];
    assertEquals(exact, of(actual, loss)[0], 1e-5 * Math.max(1, exact));
    for (int i = 0; i < b.wanted.size(); i++) {
      var x = b.wanted.get(i);
      assertClose(
          x.toString(),
          differences(b, forward, loss, x, scale),
          of(actual, gradients.get(i)),
          c.tolerance());
    }
  }

  private static double scale(Op loss) {
    return switch (loss) {
      case LinearCrossEntropy l -> l.gradScale();
      case LinearDistillation l -> l.student().gradScale();
      default -> throw new AssertionError(loss);
    };
  }

  private static double[] differences(
      Build b, List<Graph.Node> forward, Tensor loss, Tensor x, double scale) {
    var inputs = new HashMap<>(b.inputs);
    var moved = b.values(x).clone();
    inputs.put(x, moved);
    var gradient = new double[moved.length];
    for (int i = 0; i < moved.length; i++) {
      double at = moved[i];
      moved[i] = at + STEP;
      double above = objective(Double64.evaluate(forward, inputs).of(loss));
      moved[i] = at - STEP;
      double below = objective(Double64.evaluate(forward, inputs).of(loss));
      moved[i] = at;
      gradient[i] = scale * (above - below) / (2 * STEP);
    }
    return gradient;
  }

  private static double objective(double[] loss) {
    return loss[loss.length - 1];
  }

  private static Map<Tensor, float[]> run(Build b, List<Tensor> results, String on) {
    var given = List.copyOf(b.inputs.keySet());
    var program = Program.slice("gradients", b.graph, given, results, List.of());
    var values = new HashMap<Tensor, float[]>();
    try (var device = TestDevices.open(on);
        var memory = device.allocate("memory", 1 << 20);
        var workspace = device.allocate("workspace", program.workspaceBytes())) {
      var bindings = new HashMap<Tensor, Buffer>();
      b.inputs.forEach((t, v) -> {
        var buffer = memory.next(t.type());
        bindings.put(t, buffer);
        if (t.dtype() == DType.I32) {
          device.write(buffer, java.util.Arrays.stream(v).mapToInt(i -> (int) i).toArray());
        } else {
          device.write(buffer, floats(v));
        }
      });
      results.forEach(t -> bindings.put(t, memory.next(t.type())));
      device.bind(program, bindings, workspace).run();
      results.forEach(t -> values.put(t, device.floats(of(bindings, t))));
    }
    return values;
  }

  private static <T> T of(Map<Tensor, T> values, Tensor t) {
    return Objects.requireNonNull(values.get(t), t::toString);
  }

  private static float[] floats(double[] values) {
    var floats = new float[values.length];
    for (int i = 0; i < values.length; i++) {
      floats[i] = (float) values[i];
    }
    return floats;
  }

  private static void assertClose(
      String what, double[] expected, float[] actual, double tolerance) {
    assertEquals(expected.length, actual.length, what);
    double norm = 0;
    double difference = 0;
    for (int i = 0; i < expected.length; i++) {
      norm += expected[i] * expected[i];
      difference += Math.pow(actual[i] - expected[i], 2);
    }
    double distance = Math.sqrt(difference / norm);
    assertTrue(norm > 0, what + ": the gradient is zero, which proves nothing");
    assertTrue(distance < tolerance, what + ": relative error " + distance);
  }

  @Test
  void aSumThatAloneIsUsedPassesItsGradientOnUnchanged() {
    var b = new Build(SEED);
    var x = b.f32("x", 6, 7);
    var residual = b.f32("residual", 6, 7);
    var sum = b.graph.addAll(new RmsNorm(x, residual, b.f32("gain", 7), 0.1f)).get(2);
    b.wanted.clear();
    var loss = b.loss(sum);
    var gradients = Gradients.of(loss, null, List.of(x, residual));
    assertEquals(gradients.get(0), gradients.get(1));
    var forward = List.copyOf(b.graph.nodes());
    var actual = of(run(b, List.of(gradients.get(0)), "plain"), gradients.get(0));
    assertClose("x", differences(b, forward, loss, x, 1), actual, 1e-5);
  }

  @Test
  void whatTheResultDoesNotDependOnIsNamed() {
    var b = new Build(SEED);
    var stranger = b.f32("stranger", 3);
    var loss = b.loss(b.f32("x", 5, 7));
    var e =
        assertThrows(
            IllegalArgumentException.class, () -> Gradients.of(loss, null, List.of(stranger)));
    assertEquals("gradient: %0(stranger):f32[3] does not reach the result", e.getMessage());
  }

  @Test
  void aLossThatIsNotTheRootHasNoGradient() {
    var b = new Build(SEED);
    var x = b.f32("x", 5, 7);
    var loss = b.loss(x);
    var twice = b.add(new Scale(loss, 2));
    for (var y : List.of(loss, twice)) {
      var dy = b.f32("dy", 2);
      var e = assertThrows(IllegalArgumentException.class, () -> Gradients.of(y, dy, List.of(x)));
      assertTrue(
          String.valueOf(e.getMessage()).startsWith("linearCrossEntropy: only a loss"),
          e.getMessage());
    }
  }

  @Test
  void updatesAndBackwardOperationsHaveNoGradient() {
    var g = new Graph();
    var x = g.input("x", TensorType.f32(4, 6));
    var y = g.add(new GatedSilu.Gradient(x, g.input("dy", TensorType.f32(4, 3))));
    var e =
        assertThrows(
            UnsupportedOperationException.class,
            () -> Gradients.of(y, g.input("dz", TensorType.f32(4, 6)), List.of(x)));
    assertTrue(String.valueOf(e.getMessage()).contains("no second derivatives"), e.getMessage());
  }

  @Test
  void nothingIsTracedForGradientsThatNobodyAskedFor() {
    var b = new Build(SEED);
    var x = b.f32("x", 5, 7);
    var y = b.add(MatMul.linear(x, b.f32("w", 9, 7)));
    int forward = b.graph.nodes().size();
    Gradients.of(y, b.f32("dy", 5, 9), List.of(x));
    assertEquals(forward + 1, b.graph.nodes().size(), "one product, for dx");
  }
}
