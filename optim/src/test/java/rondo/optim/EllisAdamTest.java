package rondo.optim;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalDouble;
import java.util.SplittableRandom;
import java.util.function.Function;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import rondo.engine.device.Device;
import rondo.engine.device.Region;
import rondo.engine.weights.Parameter;
import rondo.engine.weights.ParameterLayout;
import rondo.optim.OptimizerConfig.EllisAdamConfig;

/**
 * Steps of ELLISAdam on several tensors against its formula in float64, as Huginn's training code
 * has it. Gradients grow tenfold half-way, so that updates are clipped; one tensor's are all 0 at
 * first, so that its second moment is eps².
 */
class EllisAdamTest {
  private static final long SEED = Long.getLong("rondo.seed", 11);
  private static final int STEPS = 12;

  private final Parameter table = Parameter.embedding("table", 7, 5);
  private final Parameter a = Parameter.body("core.a", 6, 5);
  private final Parameter b = Parameter.body("core.b", 6, 5);
  private final Parameter gain = Parameter.gain("norm", 9);
  private final Parameter bias = Parameter.gain("qk_bias", 2, 8);
  private final List<Parameter> all = List.of(table, a, gain, b, bias);

  /** One tensor in float64. */
  private static final class Expected {
    final double[] p;
    final double[] m;
    final double[] v;

    Expected(float[] start) {
      p = new double[start.length];
      m = new double[start.length];
      v = new double[start.length];
      for (int i = 0; i < start.length; i++) {
        p[i] = start[i];
      }
    }

    void step(
        float[] gradient,
        double clip,
        int t,
        double lr,
        double ofPeak,
        double decay,
        EllisAdamConfig c) {
      int n = p.length;
      double ratios = 0;
      for (int i = 0; i < n; i++) {
        double g = gradient[i] * clip;
        if (t == 1 && c.runningInit()) {
          m[i] = g;
          v[i] = g * g;
        }
        m[i] += (1 - c.beta1()) * (g - m[i]);
        v[i] = c.beta2() * v[i] + (1 - c.beta2()) * g * g;
        if (c.updateClipping()) {
          v[i] = Math.max(v[i], c.eps() * c.eps());
          ratios += g * g / v[i];
        }
      }
      double rho = Math.sqrt(ratios / n);
      double alpha = lr / Math.max(1, rho) / (1 - Math.pow(c.beta1(), t));
      for (int i = 0; i < n; i++) {
        p[i] *= 1 - ofPeak * decay;
        double d = Math.sqrt(v[i]) / Math.sqrt(1 - Math.pow(c.beta2(), t));
        p[i] -= alpha * (c.atan2() ? Math.atan2(m[i], d) : m[i] / (d + c.eps()));
      }
    }
  }

  private static EllisAdamConfig config(boolean clipping, boolean atan2, boolean runningInit) {
    return new EllisAdamConfig(0.02, 0.9, 0.95, 1e-3, 0.1, clipping, atan2, runningInit);
  }

  @ParameterizedTest
  @ValueSource(strings = {"plain", "cpu", "emulated"})
  void everySwitchIsTheFormula(String on) {
    for (int switches = 0; switches < 8; switches++) {
      var config = config((switches & 1) > 0, (switches & 2) > 0, (switches & 4) > 0);
      check(on, all, config, _ -> ParameterGroup.PLAIN, 1.5, 1);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"plain", "cpu", "emulated"})
  void groupsHaveRatesAndDecaysOfTheirOwn(String on) {
    var slow = new ParameterGroup(0.25, OptionalDouble.empty(), true);
    var bare = new ParameterGroup(1, OptionalDouble.of(0), false);
    Function<Parameter, ParameterGroup> groups =
        p ->
            p.name().startsWith("core")
                ? slow
                : p.group() == Parameter.Group.GAIN ? bare : ParameterGroup.PLAIN;
    check(on, all, config(true, true, true), groups, 0, 3);
  }

  @ParameterizedTest
  @ValueSource(strings = {"plain", "cpu", "emulated"})
  void whatIsFrozenStaysAsItIs(String on) {
    check(on, List.of(b, gain), config(true, true, true), _ -> ParameterGroup.PLAIN, 0.1, 1);
  }

  private void check(
      String on,
      List<Parameter> trainable,
      EllisAdamConfig config,
      Function<Parameter, ParameterGroup> groups,
      double maxNorm,
      double throttle) {
    var layout = new ParameterLayout(all);
    var trained = new ParameterLayout(trainable);
    var plan = new UpdatePlan(layout, trained, config, groups, maxNorm);
    var random = new SplittableRandom(SEED);
    try (var device = GoldenFile.device(on);
        var weights = device.allocate("weights", layout.bytes());
        var gradients = device.allocate("gradients", trained.bytes());
        var state = device.allocate("state", plan.stateBytes());
        var workspace = device.allocate("workspace", Math.max(1, plan.workspaceBytes()))) {
      var expected = new HashMap<Parameter, Expected>();
      for (var p : all) {
        var start = normal(random, p, 1);
        device.write(layout.of(p, weights), start);
        expected.put(p, new Expected(start));
      }
      var optimizer = new Optimizer(device, plan, weights, gradients, state, workspace);
      for (int step = 0; step < STEPS; step++) {
        double factor = (step + 1.0) / STEPS;
        var drawn = draw(random, device, trained, gradients, step);
        double norm = norm(drawn);
        double clip = maxNorm > 0 ? Math.min(1, maxNorm / (norm + 1e-6)) : 1;
        assertEquals(norm, optimizer.measure(), 1e-5 * norm, "norm of step " + step);
        optimizer.apply(step, factor, throttle);
        for (var p : trainable) {
          var group = groups.apply(p);
          double ofPeak = factor / (group.throttled() ? throttle : 1);
          java.util.Objects.requireNonNull(expected.get(p))
              .step(
                  java.util.Objects.requireNonNull(drawn.get(p)),
                  clip,
                  step + 1,
                  ofPeak * group.lrFactor() * config.lr(),
                  ofPeak,
                  group.weightDecay().orElse(config.weightDecay()),
                  config);
        }
        for (var p : all) {
          assertClose(
              p.name() + " after step " + step + " (seed " + SEED + ")",
              java.util.Objects.requireNonNull(expected.get(p)).p,
              device.floats(layout.of(p, weights)));
        }
      }
      assertEquals(2 * trainable.size(), optimizer.state().size(), "two moments a tensor");
    }
  }

  private Map<Parameter, float[]> draw(
      SplittableRandom random, Device device, ParameterLayout layout, Region region, int step) {
    var drawn = new HashMap<Parameter, float[]>();
    for (var p : layout.parameters()) {
      double size = p.equals(gain) && step < 3 ? 0 : step < STEPS / 2 ? 0.1 : 1;
      var values = normal(random, p, size);
      drawn.put(p, values);
      device.write(layout.of(p, region), values);
    }
    return drawn;
  }

  private static float[] normal(SplittableRandom random, Parameter p, double size) {
    var values = new float[Math.toIntExact(p.shape().size())];
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) (size * random.nextGaussian());
    }
    return values;
  }

  private static double norm(Map<Parameter, float[]> gradients) {
    double sum = 0;
    for (var values : gradients.values()) {
      double one = GoldenOptimizerTest.norm(values);
      sum += one * one;
    }
    return Math.sqrt(sum);
  }

  private static void assertClose(String what, double[] expected, float[] actual) {
    for (int i = 0; i < expected.length; i++) {
      double difference = Math.abs(expected[i] - actual[i]);
      double most = 3e-6 * (1 + Math.abs(expected[i]));
      int at = i;
      assertTrue(difference <= most, () -> what + "[" + at + "]: " + difference + " > " + most);
    }
  }
}
