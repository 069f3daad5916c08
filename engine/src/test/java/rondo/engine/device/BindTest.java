package rondo.engine.device;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import rondo.engine.TestDevices;
import rondo.engine.graph.Add;
import rondo.engine.graph.Graph;
import rondo.engine.graph.MatMul;
import rondo.engine.graph.MuonApply;
import rondo.engine.graph.Program;
import rondo.engine.graph.Scale;
import rondo.engine.graph.Tensor;
import rondo.engine.graph.TensorType;

/** Binding a program to memory: what is refused, and views of some columns. */
class BindTest {
  private final Graph g = new Graph();
  private final Tensor x = g.input("x", TensorType.f32(2, 4));
  private final Tensor w = g.input("w", TensorType.f32(4, 4));

  private static Program slice(Graph g, List<Tensor> given, Tensor result) {
    return Program.slice("test", g, given, List.of(result), List.of());
  }

  private static void assertRefused(
      String part, Device device, Program program, Map<Tensor, Buffer> bindings) {
    try (var workspace = device.allocate("workspace", program.workspaceBytes())) {
      var message =
          String.valueOf(
              assertThrows(
                      IllegalArgumentException.class,
                      () -> device.bind(program, bindings, workspace))
                  .getMessage());
      assertEquals(1, message.lines().count(), message);
      assertTrue(message.startsWith("test: ") && message.contains(part), message);
    }
  }

  @Test
  void whatIsUnboundOrMisshapenIsNamed() {
    var y = g.add(new Scale(x, 2));
    var program = slice(g, List.of(x), y);
    try (var device = Device.plain();
        var memory = device.allocate("memory", 4096)) {
      var bx = memory.next(x.type());
      var by = memory.next(y.type());
      assertRefused("%0(x):f32[2×4] is not bound", device, program, Map.of(y, by));
      assertRefused("%2:f32[2×4] is not bound", device, program, Map.of(x, bx));
      assertRefused(
          "%0(x):f32[2×4] is bound to a buffer of f32[8]",
          device, program, Map.of(x, bx.as(8), y, by));
      assertRefused(
          "is bound to a buffer of i32[2×4]",
          device,
          program,
          Map.of(x, memory.next(TensorType.i32(2, 4)), y, by));
    }
  }

  @Test
  void aViewIsRefusedByEverythingButProducts() {
    var y = g.add(new Scale(x, 2));
    var z = g.add(MatMul.linear(x, w));
    try (var device = Device.plain();
        var memory = device.allocate("memory", 4096)) {
      var wide = memory.next(TensorType.f32(2, 8)).columns(3, 4);
      var dense = memory.next(x.type());
      var part = "is bound to a view, which only products take";
      assertRefused(
          "%0(x):f32[2×4] " + part, device, slice(g, List.of(x), y), Map.of(x, wide, y, dense));
      assertRefused(
          "%2:f32[2×4] " + part, device, slice(g, List.of(x), y), Map.of(x, dense, y, wide));
      // Read by a product and by something else.
      var both = Program.slice("test", g, List.of(x, w), List.of(y, z), List.of());
      assertRefused(
          "%0(x):f32[2×4] " + part,
          device,
          both,
          Map.of(x, wide, w, memory.next(w.type()), y, dense, z, memory.next(z.type())));
      // Added by itself, not by its producer.
      var added = Program.slice("test", g, List.of(x), List.of(), List.of(y));
      assertRefused(part, device, added, Map.of(x, dense, y, wide));
    }
  }

  @Test
  void aResultOverAnInputThatIsStillReadIsRefused() {
    var z = g.add(MatMul.linear(x, w));
    var sum = g.add(new Add(z, x));
    try (var device = Device.plain();
        var memory = device.allocate("memory", 4096)) {
      var bx = memory.next(x.type());
      var bw = memory.next(w.type());
      assertRefused(
          "would overwrite %0(x):f32[2×4] before its last read",
          device, slice(g, List.of(x, w), z), Map.of(x, bx, w, bw, z, bx));
      var program = slice(g, List.of(x, w), sum);
      try (var workspace = device.allocate("workspace", program.workspaceBytes())) {
        device.write(bx, 1f, 2, 3, 4, 5, 6, 7, 8);
        device.write(bw, 1f, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1);
        device.bind(program, Map.of(x, bx, w, bw, sum, bx), workspace).run();
        assertArrayEquals(new float[] {2, 4, 6, 8, 10, 12, 14, 16}, device.floats(bx));
      }
    }
  }

  @Test
  void aResultThatPartlyCoversAnInputIsRefused() {
    var y = g.add(new Scale(x, 2));
    try (var device = Device.plain();
        var memory = device.allocate("memory", 4096)) {
      assertRefused(
          "overlaps",
          device,
          slice(g, List.of(x), y),
          Map.of(x, memory.at(0, x.type()), y, memory.at(16, y.type())));
    }
  }

  @Test
  void twoResultsInOnePlaceAreRefused() {
    var y = g.add(new Scale(x, 2));
    var z = g.add(new Scale(x, 3));
    try (var device = Device.plain();
        var memory = device.allocate("memory", 4096)) {
      var one = memory.next(y.type());
      assertRefused(
          "overlaps",
          device,
          Program.slice("test", g, List.of(x), List.of(y, z), List.of()),
          Map.of(x, memory.next(x.type()), y, one, z, one));
    }
  }

  @Test
  void whatIsAddedIsApartOrInOnePlace() {
    var y = g.add(new Scale(x, 2));
    var z = g.add(new Scale(x, 3));
    var both = Program.slice("test", g, List.of(x), List.of(), List.of(y, z));
    var one = Program.slice("test", g, List.of(x), List.of(z), List.of(y));
    try (var device = Device.plain();
        var memory = device.allocate("memory", 4096);
        var workspace = device.allocate("workspace", both.workspaceBytes())) {
      var bx = memory.at(0, x.type());
      var target = memory.at(1024, y.type());
      assertRefused(
          "overlaps", device, both, Map.of(x, bx, y, target, z, memory.at(1024 + 16, z.type())));
      assertRefused("overlaps", device, both, Map.of(x, bx, y, target, z, bx));
      assertRefused("overlaps", device, one, Map.of(x, bx, y, target, z, target));
      device.write(bx, 1f, 2, 3, 4, 5, 6, 7, 8);
      device.bind(both, Map.of(x, bx, y, target, z, target), workspace).run();
      assertArrayEquals(new float[] {5, 10, 15, 20, 25, 30, 35, 40}, device.floats(target));
    }
  }

  @Test
  void viewsInterleaveButShareNoElement() {
    var y = g.add(MatMul.linear(x, w));
    var program = slice(g, List.of(x, w), y);
    try (var device = Device.plain();
        var memory = device.allocate("memory", 4096);
        var workspace = device.allocate("workspace", 64)) {
      var wide = memory.at(0, TensorType.f32(2, 8));
      var bw = memory.at(1024, w.type());
      var left = wide.columns(0, 4);
      device.bind(program, Map.of(x, left, w, bw, y, wide.columns(4, 4)), workspace);
      assertRefused("overlaps", device, program, Map.of(x, left, w, bw, y, wide.columns(3, 4)));
      // Dense memory over the first row of a view, and between two rows of it, which is no overlap
      // of elements but of no use either.
      assertRefused("overlaps", device, program, Map.of(x, left, w, bw, y, memory.at(8, y.type())));
    }
  }

  @Test
  void nothingBoundLiesInTheWorkspace() {
    var y = g.add(new Scale(g.add(MatMul.linear(x, w)), 2));
    var z = g.add(MatMul.linear(y, w));
    var program = slice(g, List.of(x, w), z);
    try (var device = Device.plain();
        var memory = device.allocate("memory", 4096)) {
      var bx = memory.at(1024, x.type());
      var bw = memory.at(2048, w.type());
      var e =
          assertThrows(
              IllegalArgumentException.class,
              () -> device.bind(program, Map.of(x, bx, w, bw, z, memory.at(0, z.type())), memory));
      assertEquals("test: %4:f32[2×4] lies in the workspace", e.getMessage());
      // Behind what the program uses of it, memory is free.
      device.bind(program, Map.of(x, bx, w, bw, z, memory.at(512, z.type())), memory);
    }
  }

  @Test
  void anUpdateMustBeBoundInPlace() {
    var control = g.input("control", TensorType.f32(1));
    var updated = g.add(new MuonApply(x, x, control, 1, 0));
    try (var device = Device.plain();
        var memory = device.allocate("memory", 4096)) {
      assertRefused(
          "%3:f32[2×4] updates %0(x):f32[2×4] in place: bind both to one buffer",
          device,
          slice(g, List.of(x, control), updated),
          Map.of(
              x, memory.next(x.type()),
              control, memory.next(control.type()),
              updated, memory.next(x.type())));
    }
  }

  @Test
  void valuesOfAnotherTypeOrNumberAreNotWritten() {
    try (var device = Device.plain();
        var memory = device.allocate("memory", 4096)) {
      var floats = memory.next(x.type());
      var e =
          assertThrows(
              IllegalArgumentException.class, () -> device.write(floats, 1, 2, 3, 4, 5, 6, 7, 8));
      assertEquals("f32[2×4] cannot take 8 elements of i32", e.getMessage());
      assertThrows(IllegalArgumentException.class, () -> device.write(floats, 1f, 2f));
      var ids = memory.next(TensorType.i32(2));
      assertThrows(IllegalArgumentException.class, () -> device.write(ids, 1f, 2f));
      assertThrows(IllegalArgumentException.class, () -> device.write(ids, 1L, 2L));
    }
  }

  @Test
  void aWorkspaceTooSmallIsRefusedWithBothSizes() {
    var y = g.add(new Scale(g.add(MatMul.linear(x, w)), 2));
    var z = g.add(MatMul.linear(y, w));
    var program = slice(g, List.of(x, w), z);
    try (var device = Device.plain();
        var workspace = device.allocate("workspace", 64)) {
      var e =
          assertThrows(
              IllegalArgumentException.class, () -> device.bind(program, Map.of(), workspace));
      assertEquals("test: workspace has 64 bytes, needs 256", e.getMessage());
    }
  }

  @ParameterizedTest(name = "on {0}")
  @ValueSource(strings = {"plain", "cpu", "emulated"})
  void productsReadAndAccumulateViews(String on) {
    var y = g.add(MatMul.linear(x, w));
    var program = Program.slice("test", g, List.of(x, w), List.of(), List.of(y));
    try (var device = TestDevices.open(on);
        var memory = device.allocate("memory", 4096);
        var workspace = device.allocate("workspace", 64)) {
      var bx = memory.next(TensorType.f32(2, 6));
      var bw = memory.next(TensorType.f32(4, 9));
      var by = memory.next(TensorType.f32(2, 5));
      device.write(bx, 9f, 9, 1, 2, 3, 4, 9, 9, 5, 6, 7, 8);
      var identity = new float[36];
      for (int i = 0; i < 4; i++) {
        identity[i * 9 + 3 + i] = 1;
      }
      device.write(bw, identity);
      device.write(by, 1f, 1, 1, 1, 1, 1, 1, 1, 1, 1);
      var bindings = Map.of(x, bx.columns(2, 4), w, bw.columns(3, 4), y, by.columns(1, 4));
      device.bind(program, bindings, workspace).run();
      assertArrayEquals(new float[] {1, 2, 3, 4, 5, 1, 6, 7, 8, 9}, device.floats(by));
    }
  }
}
