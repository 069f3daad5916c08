package rondo.nn;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import rondo.engine.device.Device;
import rondo.engine.device.Region;
import rondo.engine.graph.DType;
import rondo.engine.weights.ParameterLayout;
import rondo.nn.checkpoint.SafetensorsFile;
import rondo.nn.depth.Depth;
import rondo.nn.depth.DepthPlan;
import rondo.nn.depth.DepthStep;
import rondo.nn.depth.Distillation;
import rondo.nn.depth.FixedPlan;
import rondo.nn.depth.FixedStep;
import rondo.nn.depth.Keep;
import rondo.nn.depth.Objective;

/** Training steps of a retrofit beside the base that it was cut from. */
class DistillationStepTest {
  private static final int RECURRENCES = 3;

  /** A student's step beside a teacher with memory of its own. */
  private static final class Bound implements AutoCloseable {
    final Device device;
    final Weights student;
    final WorkingWeights working;
    final WorkingWeights teaching;
    final Region gradients;
    final Region state;
    final Region workspace;
    final DepthStep step;
    private final float[] start;

    Bound(
        Device device,
        Weights student,
        Weights teacher,
        SafetensorsFile golden,
        float temperature,
        float weight,
        DType type) {
      this.device = device;
      this.student = student;
      var ids = golden.require("input_ids");
      var layout = new ParameterLayout(student.model().parameters());
      var distillation = new Distillation((FixedModel) teacher.model(), temperature, weight);
      var plan =
          new DepthPlan(
              (RecurrentModel) student.model(),
              (int) ids.shape()[0],
              (int) ids.shape()[1],
              RECURRENCES,
              Keep.ALL,
              false,
              new Objective(1, 0, layout, distillation),
              type);
      working = new WorkingWeights(student, type);
      teaching = new WorkingWeights(teacher, type);
      gradients = device.allocate("gradients", layout.bytes());
      state = device.allocate("state", plan.stateBytes());
      workspace = device.allocate("workspace", plan.workspaceBytes());
      step = new DepthStep(device, plan, working, gradients, state, workspace, teaching);
      device.write(step.tokens(), ids.readInts());
      device.write(step.targets(), golden.require("targets").readInts());
      start = golden.require("initial_state").readFloats();
    }

    /** Runs with all recurrences tracked, so that gradients are whole. */
    void run() {
      device.zero(student.layout().all(gradients));
      step.run(new Depth(0, RECURRENCES), 0, start);
    }

    float[] gradient() {
      return device.floats(student.layout().all(gradients));
    }

    @Override
    public void close() {
      working.close();
      teaching.close();
      gradients.close();
      state.close();
      workspace.close();
    }
  }

  @ParameterizedTest(name = "{0} on {1} in {2}")
  @CsvSource({
    "llama,plain,F32",
    "llama,cpu,F32",
    "llama,emulated,F32",
    "llama,emulated,BF16",
    "olmo2,cpu,F32",
    "olmo2,emulated,F32"
  })
  void lossAndDivergenceAreThoseOfTheLogits(String family, String on, DType type) {
    var folder = Golden.folder(family + "-retrofit");
    float temperature = 2;
    try (var device = Golden.device(on);
        var golden = SafetensorsFile.open(folder.resolve("expected.safetensors"));
        var student = WeightFiles.load(folder, device);
        var teacher = WeightFiles.load(Golden.folder(family + "-base"), device);
        var bound = new Bound(device, student, teacher, golden, temperature, 0.5f, type)) {
      bound.run();
      var tokens = golden.require("input_ids");
      var ids = tokens.readInts();
      var targets = golden.require("targets").readInts();
      int batch = (int) tokens.shape()[0];
      int time = (int) tokens.shape()[1];
      var start = golden.require("initial_state").readFloats();
      var own = new Unrolled(device, student, batch, time, type).recur(ids, start, RECURRENCES);
      var theirs = new Unrolled(device, teacher, batch, time, type).logits(ids);
      var expected = losses(Golden.of(own, "logits_r" + RECURRENCES), theirs, targets, temperature);
      double close = type == DType.F32 ? 1e-5 : 1e-2;
      assertEquals(expected[0], bound.step.loss(), close * expected[0]);
      assertEquals(expected[1], bound.step.divergence(), close * expected[1]);
    }
  }

  /** [mean cross-entropy, mean KL(teacher ‖ student) at the temperature], in double. */
  private static double[] losses(float[] own, float[] theirs, int[] targets, double temperature) {
    int n = own.length / targets.length;
    double[] sums = new double[2];
    int counted = 0;
    for (int row = 0; row < targets.length; row++) {
      if (targets[row] == -100) {
        continue;
      }
      double hard = 0;
      double q = 0;
      double p = 0;
      for (int i = row * n; i < (row + 1) * n; i++) {
        hard += Math.exp(own[i]);
        q += Math.exp(own[i] / temperature);
        p += Math.exp(theirs[i] / temperature);
      }
      sums[0] += Math.log(hard) - own[row * n + targets[row]];
      for (int i = row * n; i < (row + 1) * n; i++) {
        double share = Math.exp(theirs[i] / temperature) / p;
        sums[1] += share * ((theirs[i] - own[i]) / temperature + Math.log(q) - Math.log(p));
      }
      counted++;
    }
    return new double[] {sums[0] / counted, sums[1] / counted};
  }

  @ParameterizedTest(name = "on {0}")
  @ValueSource(strings = {"plain", "cpu", "emulated"})
  void gradientsAreThoseOfTheMixture(String on) {
    var folder = Golden.folder("llama-retrofit");
    try (var device = Golden.device(on);
        var golden = SafetensorsFile.open(folder.resolve("expected.safetensors"));
        var student = WeightFiles.load(folder, device);
        var teacher = WeightFiles.load(Golden.folder("llama-base"), device);
        var none = new Bound(device, student, teacher, golden, 2, 0, DType.F32);
        var all = new Bound(device, student, teacher, golden, 2, 1, DType.F32);
        var some = new Bound(device, student, teacher, golden, 2, 0.25f, DType.F32)) {
      none.run();
      all.run();
      some.run();
      var hard = none.gradient();
      var soft = all.gradient();
      var mixed = new float[hard.length];
      for (int i = 0; i < mixed.length; i++) {
        mixed[i] = 0.75f * hard[i] + 0.25f * soft[i];
      }
      Golden.assertClose("mixture", mixed, some.gradient(), Golden.TOLERANCE);

      // Along its own gradient the divergence rises by the gradient's norm.
      double norm = 0;
      for (float g : soft) {
        norm += (double) g * g;
      }
      norm = Math.sqrt(norm);
      var weights = student.layout().all(student.region());
      var before = device.floats(weights);
      double[] at = new double[2];
      for (int side = 0; side < 2; side++) {
        var moved = before.clone();
        for (int i = 0; i < moved.length; i++) {
          moved[i] += (float) ((side == 0 ? -3e-3 : 3e-3) * soft[i] / norm);
        }
        device.write(weights, moved);
        all.run();
        at[side] = 4 * all.step.divergence();
      }
      assertEquals(1, (at[1] - at[0]) / 6e-3 / norm, 2e-3);
    }
  }

  /** Also of a tied model, whose head is the memory of its embedding. */
  @ParameterizedTest(name = "{0} on {1} in {2}")
  @CsvSource({
    "llama-base,plain,F32",
    "llama-base,cpu,F32",
    "llama3-base,cpu,F32",
    "llama3-base,emulated,F32",
    "llama3-base,emulated,BF16",
    "olmo2-base,emulated,BF16"
  })
  void whoTeachesItselfHasNothingToLearn(String name, String on, DType type) {
    var folder = Golden.folder(name);
    try (var device = Golden.device(on);
        var golden = SafetensorsFile.open(folder.resolve("expected.safetensors"));
        var weights = WeightFiles.load(folder, device)) {
      var ids = golden.require("input_ids");
      int batch = (int) ids.shape()[0];
      int time = (int) ids.shape()[1];
      var model = (FixedModel) weights.model();
      var layout = new ParameterLayout(model.parameters());
      var objective = new Objective(1, 0, layout, new Distillation(model, 3, 1));
      var plan = new FixedPlan(model, batch, time, objective, type);
      var alone = new FixedPlan(model, batch, time, 1, type);
      // The teacher's pass, and its logits: a forward pass more than without.
      assertEquals(1 / 3.0, (double) plan.flops() / alone.flops() - 1, 0.03);
      try (var working = new WorkingWeights(weights, type);
          var gradients = device.allocate("gradients", layout.bytes());
          var state = device.allocate("state", plan.stateBytes());
          var workspace = device.allocate("workspace", plan.workspaceBytes())) {
        assertThrows(
            IllegalArgumentException.class,
            () -> new FixedStep(device, plan, working, gradients, state, workspace));
      }
      try (var working = new WorkingWeights(weights, type);
          var gradients = device.allocate("gradients", layout.bytes());
          var state = device.allocate("state", plan.stateBytes());
          var workspace = device.allocate("workspace", plan.workspaceBytes())) {
        var step = new FixedStep(device, plan, working, gradients, state, workspace, working);
        device.write(step.tokens(), ids.readInts());
        device.write(step.targets(), ids.readInts());
        step.run(new Depth(0, 1), 0);
        assertEquals(0, step.divergence(), 1e-6);
        for (float g : device.floats(layout.all(gradients))) {
          assertEquals(0, g, 1e-5);
        }
      }
    }
  }
}
