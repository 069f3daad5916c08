package rondo.engine.device;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.abort;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import rondo.engine.TestDevices;
import rondo.engine.graph.Add;
import rondo.engine.graph.DType;
import rondo.engine.graph.Graph;
import rondo.engine.graph.MatMul;
import rondo.engine.graph.Program;
import rondo.engine.graph.QuantizeRows;
import rondo.engine.graph.RmsNorm;
import rondo.engine.graph.Scale;
import rondo.engine.graph.Tensor;
import rondo.engine.graph.TensorType;

/** RONDO_CHECK=nan: the first value that is infinite or no number is refused by name. */
class FiniteCheckTest {
  private final Graph g = new Graph();
  private final Tensor x = g.input("x", TensorType.f32(3, 4));
  private final Tensor gain = g.input("gain", TensorType.f32(4));

  private static Device open(String name) {
    try {
      return Devices.open(TestDevices.named(name), 2, Map.of("RONDO_CHECK", "nan"));
    } catch (IllegalStateException e) {
      return abort(e.getMessage());
    }
  }

  /** Runs a program three times on {@code x}, which on a GPU would be recorded; its result. */
  private float[] run(String on, List<Tensor> results, List<Tensor> added, float... values) {
    var program = Program.slice("test", g, List.of(x, gain), results, added);
    try (var device = open(on);
        var memory = device.allocate("memory", 1 << 16);
        var workspace = device.allocate("workspace", program.workspaceBytes())) {
      var bindings = new HashMap<Tensor, Buffer>();
      var in = memory.next(x.type());
      bindings.put(x, in);
      bindings.put(gain, memory.next(gain.type()));
      results.forEach(t -> bindings.put(t, memory.next(t.type())));
      // A view of some columns, whose elements lie apart.
      added.forEach(t ->
          bindings.put(
              t, memory.next(TensorType.f32(t.shape().dim(0), 9)).columns(2, t.shape().last())));
      device.write(in, values);
      var executable = device.bind(program, bindings, workspace);
      for (int i = 0; i < 3; i++) {
        executable.run();
      }
      var out = results.isEmpty() ? null : bindings.get(results.getFirst());
      return out == null ? new float[0] : device.floats(out);
    }
  }

  private void assertRefused(
      String part, String on, List<Tensor> results, List<Tensor> added, float... values) {
    var e = assertThrows(IllegalStateException.class, () -> run(on, results, added, values));
    var message = String.valueOf(e.getMessage());
    assertEquals(1, message.lines().count(), message);
    assertTrue(message.startsWith("test, step ") && message.contains(part), message);
  }

  private static final float[] LARGE = {1, 2, 3, 4, 5, 6, 3e38f, 7, 8, 3e38f, 9, 10};
  private static final float[] SMALL = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};

  @ParameterizedTest
  @ValueSource(strings = {"plain", "cpu", "emulated"})
  void theStepTheOutputAndTheElementAreNamed(String on) {
    var twice = g.add(new Scale(x, 2)); // infinite
    var none = g.add(new Add(twice, g.add(new Scale(twice, -1)))); // no number
    assertRefused(
        "step 0 ([%2:f32[3×4]] = Scale(%0)): element 6 of output 0, %2:f32[3×4], is not finite",
        on, List.of(none), List.of(), LARGE);
    assertArrayEquals(new float[12], run(on, List.of(none), List.of(), SMALL));
  }

  @ParameterizedTest
  @ValueSource(strings = {"plain", "cpu", "emulated"})
  void everyOutputThatIsMadeIsLookedAt(String on) {
    var norm = g.addAll(new RmsNorm(x, x, gain, 1e-5f));
    // The norm of a row with an infinite value is 0 times infinite: its first output has no number.
    assertRefused("element 6 of output 0", on, norm, List.of(), LARGE);
    var split = g.addAll(new QuantizeRows(x, DType.I8));
    float[] one = SMALL.clone();
    one[9] = Float.POSITIVE_INFINITY;
    assertRefused("element 2 of output 1", on, split, List.of(), one);
  }

  @ParameterizedTest
  @ValueSource(strings = {"plain", "cpu", "emulated"})
  void aViewIsLookedAtRowByRow(String on) {
    var product = g.add(new MatMul(x, false, x, true, false, 1e20f, null, 0, false));
    assertRefused(
        "element 2 of output 0",
        on,
        List.of(),
        List.of(product),
        1,
        1,
        1,
        1,
        1,
        1,
        1,
        1,
        1e20f,
        1,
        1,
        1);
  }

  @Test
  void anotherWordThanNanIsRefused() {
    var e =
        assertThrows(
            IllegalArgumentException.class,
            () -> Devices.open("plain", 1, Map.of("RONDO_CHECK", "all")));
    assertEquals("RONDO_CHECK is \"all\", expected nan", e.getMessage());
  }
}
