package rondo.engine.graph;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import rondo.engine.TestDevices;
import rondo.engine.device.Buffer;
import rondo.engine.device.Device;
import rondo.engine.device.Region;

/** Programs over random graphs: what the planner promises, and that nothing depends on it. */
class ProgramPropertiesTest {
  private static final long SEED = Long.getLong("rondo.seed", 20_260_104L);
  private static final int GRAPHS = 300;

  /** A graph with a random choice of what is given and what is wanted. */
  private record Trial(RandomGraph source, List<Tensor> given, Program program) {
    static Trial of(long seed) {
      var random = new Random(seed);
      var source = new RandomGraph(random);
      var values = source.values();
      var given = new ArrayList<>(source.inputs);
      var results = new ArrayList<Tensor>();
      var added = new ArrayList<Tensor>();
      for (var t : values) {
        switch (random.nextInt(8)) {
          case 0 -> given.add(t);
          case 1 -> results.add(t);
          case 2 -> added.add(t);
          default -> {}
        }
      }
      var last = values.getLast();
      if (results.isEmpty() && added.isEmpty()) {
        given.remove(last);
        results.add(last);
      }
      return new Trial(source, given, Program.slice("trial", source.graph, given, results, added));
    }
  }

  /** Bytes that a value or a scratch holds from one step to another, both included. */
  private record Life(String what, int from, int to, long begin, long end) {
    boolean collides(Life o) {
      return from <= to
          && o.from <= o.to
          && from <= o.to
          && o.from <= to
          && begin < o.end
          && o.begin < end;
    }
  }

  @Test
  void valuesThatLiveTogetherNeverShareBytes() {
    System.out.println("plans: -Drondo.seed=" + SEED);
    int inPlace = 0;
    for (int i = 0; i < GRAPHS; i++) {
      inPlace += check(Trial.of(SEED + i).program, "seed " + (SEED + i));
    }
    assertTrue(inPlace > GRAPHS / 2, "operations in place: " + inPlace);
  }

  /** Number of values that were written over an operand. */
  private static int check(Program program, String seed) {
    var made = new LinkedHashMap<Tensor, Integer>();
    var lastUse = new HashMap<Integer, Integer>();
    for (int i = 0; i < program.steps().size(); i++) {
      if (program.steps().get(i) instanceof Program.Run(var node, var wanted, _)) {
        for (int o = 0; o < node.outputs().size(); o++) {
          if (wanted.contains(o)) {
            made.put(node.outputs().get(o), i);
          }
        }
        for (var t : node.op().inputs()) {
          lastUse.put(t.id(), i);
        }
      } else if (program.steps().get(i) instanceof Program.AddInto(var t)) {
        lastUse.put(t.id(), i);
      }
    }
    int inPlace = 0;
    var lives = new ArrayList<Life>();
    for (var e : made.entrySet()) {
      var t = e.getKey();
      Long offset = program.offsets().get(t.id());
      if (offset == null) {
        continue; // bound from outside
      }
      int from = e.getValue();
      assertEquals(0, offset % Program.ALIGNMENT, seed);
      assertTrue(offset + t.type().bytes() <= program.workspaceBytes(), seed);
      var op = ((Program.Run) program.steps().get(from)).node().op();
      int output = ((Program.Run) program.steps().get(from)).node().outputs().indexOf(t);
      boolean over = false;
      for (var in : op.inputs()) {
        if (Objects.equals(program.offsets().get(in.id()), offset)
            && lastUse.getOrDefault(in.id(), -1) == from) {
          assertTrue(op.mayOverwrite(output, in), seed + ": " + op + " over " + in);
          over = true;
        }
      }
      // In place, the operand's bytes pass on within the step.
      int begin = over ? from + 1 : from;
      inPlace += over ? 1 : 0;
      int to = lastUse.getOrDefault(t.id(), from);
      lives.add(new Life(t.toString(), begin, to, offset, offset + t.type().bytes()));
    }
    for (int i = 0; i < program.steps().size(); i++) {
      long at = program.scratch().get(i);
      if (at >= 0 && program.steps().get(i) instanceof Program.Run run) {
        long bytes = run.scratchBytes();
        lives.add(new Life("scratch " + i, i, i, at, at + bytes));
        assertTrue(at + bytes <= program.workspaceBytes(), seed);
      }
    }
    for (int a = 0; a < lives.size(); a++) {
      for (int b = 0; b < a; b++) {
        var x = lives.get(a);
        var y = lives.get(b);
        assertTrue(!x.collides(y), () -> seed + ": " + x + " and " + y);
      }
    }
    return inPlace;
  }

  @ParameterizedTest(name = "on {0}")
  @ValueSource(strings = {"plain", "cpu", "emulated"})
  void aPlannedWorkspaceGivesTheSameBitsAsMemoryOfItsOwnForEveryValue(String on) {
    System.out.println("plans: -Drondo.seed=" + SEED);
    try (var device = TestDevices.open(on)) {
      for (int i = 0; i < GRAPHS; i++) {
        compare(device, Trial.of(SEED + i), new Random(SEED + i), "seed " + (SEED + i));
      }
    }
  }

  private static void compare(Device device, Trial trial, Random random, String seed) {
    var program = trial.program;
    Set<Tensor> all = new LinkedHashSet<>(trial.source.inputs);
    all.addAll(trial.source.values());
    long bytes = 2 * all.stream().mapToLong(t -> Region.aligned(t.type().bytes())).sum();
    try (var apart = device.allocate("apart", bytes);
        var planned = device.allocate("planned", 2 * bytes);
        var none = device.allocate("none", 1 << 16);
        var workspace = device.allocate("workspace", program.workspaceBytes())) {
      Map<Tensor, Buffer> memory = new HashMap<>();
      all.forEach(t -> memory.put(t, apart.next(t.type())));
      trial.source.inputs.forEach(t -> fill(device, of(memory, t), random));
      for (var node : trial.source.graph.nodes()) {
        var single =
            Program.slice(
                "node", trial.source.graph, node.op().inputs(), node.outputs(), List.of());
        device.bind(single, memory, none).run();
      }

      Map<Tensor, Buffer> bound = new HashMap<>();
      for (var t : trial.given) {
        var copy = planned.next(t.type());
        device.copy(of(memory, t), copy);
        bound.put(t, copy);
      }
      program.results().forEach(t -> bound.put(t, planned.next(t.type())));
      var before = new HashMap<Tensor, float[]>();
      for (var t : program.added()) {
        var target = planned.next(t.type());
        bound.put(t, target);
        fill(device, target, random);
        before.put(t, device.floats(target));
      }
      // Whatever was in the workspace must not matter.
      int words = Math.toIntExact(workspace.bytes() / 4);
      var garbage = new float[words];
      Arrays.fill(garbage, Float.NaN);
      device.write(workspace.at(0, TensorType.f32(words)), garbage);
      device.bind(program, bound, workspace).run();
      for (var t : trial.given) {
        assertArrayEquals(
            device.floats(of(memory, t)), device.floats(of(bound, t)), seed + ": given " + t);
      }
      for (var t : program.results()) {
        assertArrayEquals(
            device.floats(of(memory, t)), device.floats(of(bound, t)), seed + ": " + t);
      }
      for (var t : program.added()) {
        assertSum(
            seed + ": " + t,
            Objects.requireNonNull(before.get(t)),
            device.floats(of(memory, t)),
            device.floats(of(bound, t)));
      }
    }
  }

  private static void assertSum(String what, float[] before, float[] value, float[] actual) {
    double largest = 1;
    for (float v : value) {
      largest = Math.max(largest, Math.abs(v));
    }
    for (int i = 0; i < actual.length; i++) {
      // A producer may accumulate term by term, so rounding may differ.
      assertEquals(before[i] + value[i], actual[i], 3e-6 * largest, what + " at " + i);
    }
  }

  private static Buffer of(Map<Tensor, Buffer> memory, Tensor t) {
    return Objects.requireNonNull(memory.get(t), t::toString);
  }

  private static void fill(Device device, Buffer buffer, Random random) {
    int n = Math.toIntExact(buffer.type().shape().size());
    if (buffer.dtype() == DType.I32) {
      device.write(buffer, random.ints(n, 0, 5).toArray());
      return;
    }
    var values = new float[n];
    for (int i = 0; i < n; i++) {
      // Small, or a chain of products and scores would leave what f32 can tell apart.
      values[i] = (float) random.nextGaussian() / 4;
    }
    device.write(buffer, values);
  }
}
