package rondo.optim;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalDouble;
import java.util.SplittableRandom;
import java.util.function.Function;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import rondo.engine.graph.DType;
import rondo.engine.weights.Parameter;
import rondo.engine.weights.ParameterLayout;
import rondo.optim.OptimizerConfig.AdamWConfig;
import rondo.optim.OptimizerConfig.MuonConfig;

/** Groups and frozen parameters, under Muon and AdamW. */
class ParameterGroupTest {
  private static final AdamWConfig ADAM = new AdamWConfig(0.01, 0.9, 0.95, 1e-8, 0.1);
  private static final MuonConfig MUON = new MuonConfig(0.02, 0.1, 0.95, 5, DType.F32, ADAM);
  private static final int STEPS = 3;

  private final Parameter table = Parameter.embedding("table", 7, 5);
  private final Parameter a = Parameter.body("a", 6, 5);
  private final Parameter b = Parameter.body("b", 6, 5);
  private final Parameter c = Parameter.body("c", 6, 5);
  private final Parameter norm = Parameter.gain("norm", 9);
  private final List<Parameter> all = List.of(table, a, b, norm, c);

  private Map<Parameter, float[]> run(
      String on,
      List<Parameter> trainable,
      OptimizerConfig config,
      Function<Parameter, ParameterGroup> groups,
      double throttle) {
    var layout = new ParameterLayout(all);
    var trained = new ParameterLayout(trainable);
    var plan = new UpdatePlan(layout, trained, config, groups, 0);
    try (var device = GoldenFile.device(on);
        var weights = device.allocate("weights", layout.bytes());
        var gradients = device.allocate("gradients", trained.bytes());
        var state = device.allocate("state", plan.stateBytes());
        var workspace = device.allocate("workspace", Math.max(1, plan.workspaceBytes()))) {
      for (var p : all) {
        device.write(layout.of(p, weights), values(p, -1));
      }
      var optimizer = new Optimizer(device, plan, weights, gradients, state, workspace);
      for (int step = 0; step < STEPS; step++) {
        for (var p : trainable) {
          device.write(trained.of(p, gradients), values(p, step));
        }
        optimizer.measure();
        optimizer.apply(step, 0.5, throttle);
      }
      var result = new HashMap<Parameter, float[]>();
      all.forEach(p -> result.put(p, device.floats(layout.of(p, weights))));
      return result;
    }
  }

  /** Weights, for step -1, and gradients are functions of the name and the step. */
  private static float[] values(Parameter p, int step) {
    var random = new SplittableRandom(p.name().hashCode() * 31L + step);
    var values = new float[Math.toIntExact(p.shape().size())];
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) random.nextGaussian();
    }
    return values;
  }

  private static float[] of(Map<Parameter, float[]> all, Parameter p) {
    return java.util.Objects.requireNonNull(all.get(p));
  }

  @ParameterizedTest
  @ValueSource(strings = {"plain", "cpu", "emulated"})
  void aGroupIsTheOptimiserOfItsOwnRateAndDecay(String on) {
    var slow = new ParameterGroup(0.5, OptionalDouble.of(0.3), true);
    Function<Parameter, ParameterGroup> groups =
        p -> p.equals(b) || p.equals(norm) ? slow : ParameterGroup.PLAIN;
    for (var config : List.of(MUON, ADAM)) {
      var grouped = run(on, all, config, groups, 2);
      var plain = run(on, all, config, _ -> ParameterGroup.PLAIN, 2);
      // Half the rate, divided by the throttle of 2.
      var slowAdam = new AdamWConfig(0.0025, 0.9, 0.95, 1e-8, 0.3);
      var slowConfig =
          config instanceof MuonConfig
              ? new MuonConfig(0.005, 0.3, 0.95, 5, DType.F32, slowAdam)
              : slowAdam;
      var slowly = run(on, all, slowConfig, _ -> ParameterGroup.PLAIN, 2);
      for (var p : all) {
        var wanted = p.equals(b) || p.equals(norm) ? slowly : plain;
        assertArrayEquals(of(wanted, p), of(grouped, p), 2e-6f, p.name() + " by " + config);
      }
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"plain", "cpu", "emulated"})
  void theFrozenStayAndTheOthersMoveAsWithoutThem(String on) {
    for (var config : List.of(MUON, ADAM)) {
      var whole = run(on, all, config, _ -> ParameterGroup.PLAIN, 1);
      // The middle one of a stack: what is left of it is two runs.
      var part = run(on, List.of(a, norm, c), config, _ -> ParameterGroup.PLAIN, 1);
      for (var p : List.of(table, b)) {
        assertArrayEquals(values(p, -1), of(part, p), p.name() + " by " + config);
      }
      for (var p : List.of(a, norm, c)) {
        assertArrayEquals(of(whole, p), of(part, p), 2e-6f, p.name() + " by " + config);
      }
    }
  }

  @Test
  void momentsAreAllocatedForWhatIsTrainedAlone() {
    var layout = new ParameterLayout(all);
    var plan =
        new UpdatePlan(layout, new ParameterLayout(List.of(b)), MUON, _ -> ParameterGroup.PLAIN, 1);
    // Norm, learning rate and one moment of 30 elements, each in a cache line's alignment of 256.
    assertEquals(3 * 256, plan.stateBytes());
    var whole = UpdatePlan.of(layout, ADAM, 1);
    assertEquals(2 * 256 + 2 * 768, whole.stateBytes(), "134 elements in one run");
  }

  @Test
  void aStackIsOneRunUnlessItsGroupsDiffer() {
    var layout = new ParameterLayout(all);
    assertEquals(2, UpdatePlan.of(layout, MUON, 1).pieces.size(), "the stack and the rest");
    var slow = new ParameterGroup(0.5, OptionalDouble.empty(), false);
    var cut =
        new UpdatePlan(layout, layout, MUON, p -> p.equals(a) ? slow : ParameterGroup.PLAIN, 1)
            .pieces;
    assertEquals(3, cut.size());
    assertEquals(List.of(a), cut.getFirst().run().parameters());
    assertEquals(List.of(b, c), cut.get(1).run().parameters());
  }

  @Test
  void aFactorIsPositive() {
    var e =
        assertThrows(
            IllegalArgumentException.class,
            () -> new ParameterGroup(0, OptionalDouble.empty(), false));
    assertTrue(String.valueOf(e.getMessage()).contains("factor 0.0 must be positive"));
    assertFalse(ParameterGroup.PLAIN.throttled());
  }
}
