package rondo.engine.device;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.abort;

import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import rondo.engine.TestDevices;
import rondo.engine.graph.Embedding;
import rondo.engine.graph.Graph;
import rondo.engine.graph.Program;
import rondo.engine.graph.Scale;
import rondo.engine.graph.TensorType;

/** RONDO_SYNC=1: what fails on a GPU is named by program, step and operation, as elsewhere. */
class AwaitedStepsTest {
  private static final int[] RIGHT = {2, 0, 1};
  private static final int[] OUTSIDE = {2, 7, 1};

  private static Device open(String name, Map<String, String> environment) {
    try {
      return Devices.open(TestDevices.named(name), 1, environment);
    } catch (IllegalStateException e) {
      return abort(e.getMessage());
    }
  }

  /** Twice a table's rows by token, with two steps around the one that looks at the tokens. */
  private static final class Lookup implements AutoCloseable {
    private final Device device;
    private final Region memory;
    private final Buffer tokens;
    private final Buffer result;
    private final Executable executable;

    Lookup(String on, Map<String, String> environment) {
      var g = new Graph();
      var table = g.input("table", TensorType.f32(4, 2));
      var tokenInput = g.input("tokens", TensorType.i32(3));
      var rows = g.add(new Embedding(g.add(new Scale(table, 2)), tokenInput, 1));
      var out = g.add(new Scale(rows, 10));
      var program = Program.slice("lookup", g, List.of(table, tokenInput), List.of(out), List.of());
      device = open(on, environment);
      memory = device.allocate("memory", 1 << 12);
      tokens = memory.next(tokenInput.type());
      result = memory.next(out.type());
      var weights = memory.next(table.type());
      device.write(weights, 1, 2, 3, 4, 5, 6, 7, 8f);
      var workspace = device.allocate("workspace", program.workspaceBytes());
      executable =
          device.bind(program, Map.of(table, weights, tokenInput, tokens, out, result), workspace);
    }

    void run(int... values) {
      device.write(tokens, values);
      executable.run();
    }

    @Override
    public void close() {
      device.close();
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"plain", "cpu", "emulated"})
  void aTokenOutsideTheVocabularyNamesItsStep(String on) {
    try (var lookup = new Lookup(on, Map.of("RONDO_SYNC", "1"))) {
      // The third run would be a recording's, were there one.
      for (int i = 0; i < 3; i++) {
        lookup.run(RIGHT);
        assertArrayEquals(
            new float[] {100, 120, 20, 40, 60, 80}, lookup.device.floats(lookup.result));
        var e = assertThrows(IllegalArgumentException.class, () -> lookup.run(OUTSIDE));
        var message = String.valueOf(e.getMessage());
        assertEquals(1, message.lines().count(), message);
        assertTrue(message.startsWith("lookup, step 1 ("), message);
        assertTrue(message.contains("= Embedding(%"), message);
        assertTrue(message.contains("): rondo_embedding: token") && message.contains("7"), message);
      }
    }
  }

  @Test
  void bothChecksMayBeAskedFor() {
    try (var lookup = new Lookup("emulated", Map.of("RONDO_SYNC", "1", "RONDO_CHECK", "nan"))) {
      lookup.run(RIGHT);
      var e = assertThrows(IllegalArgumentException.class, () -> lookup.run(OUTSIDE));
      var message = String.valueOf(e.getMessage());
      assertTrue(message.startsWith("lookup, step 1 (") && message.contains("tokens[1]"), message);
    }
  }

  @Test
  void withoutItTheFailureIsSaidWhenTheDeviceIsWaitedFor() {
    try (var lookup = new Lookup("emulated", Map.of())) {
      lookup.run(OUTSIDE);
      var e = assertThrows(IllegalArgumentException.class, lookup.device::synchronize);
      var message = String.valueOf(e.getMessage());
      assertTrue(message.contains("tokens[1] is 7"), message);
      assertFalse(message.contains("step"), message);
    }
  }
}
