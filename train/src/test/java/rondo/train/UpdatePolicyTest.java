package rondo.train;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import rondo.engine.device.Devices;
import rondo.nn.checkpoint.SafetensorsFile;

/** What a recipe says of updates, in runs of a few steps. */
class UpdatePolicyTest {
  private static final String ELLIS =
      "optimizer={name: ellis-adam, lr: 0.01, weight_decay: 0.02, groups: huginn}";

  @TempDir Path folder;

  private Path out(String name) {
    return folder.resolve(name).resolve("run");
  }

  private List<StepReport> run(String on, String name, String... overrides) throws Exception {
    try (var device = Devices.open(Shared.named(on), 2)) {
      var all = new ArrayList<>(List.of("checkpoint={every: 1, keep: 99}"));
      all.addAll(List.of(overrides));
      return new TinyRun(folder.resolve(name)).run(device, all, Listener.none());
    }
  }

  /** By name, after so many steps. */
  private Map<String, float[]> weights(String name, int step) {
    var file = out(name).resolve("step-" + step).resolve("model.safetensors");
    var weights = new TreeMap<String, float[]>();
    try (var stored = SafetensorsFile.open(file)) {
      stored.tensors().forEach((key, t) -> weights.put(key, t.readFloats()));
    }
    return weights;
  }

  private static float[] of(Map<String, float[]> weights, String name) {
    return java.util.Objects.requireNonNull(weights.get(name), name);
  }

  @Test
  void ellisAdamTrainsAlikeOnTheProcessorAndOnTheEmulator() throws Exception {
    var cpu = run("cpu", "cpu", ELLIS);
    var emulated = run("emulated", "emulated", ELLIS);
    assertTrue(cpu.getLast().loss() < cpu.getFirst().loss(), "it learns");
    for (int i = 0; i < cpu.size(); i++) {
      assertEquals(cpu.get(i).loss(), emulated.get(i).loss(), 1e-4, "loss of step " + i);
      double norm = cpu.get(i).gradNorm();
      assertEquals(norm, emulated.get(i).gradNorm(), 1e-3 * norm, "norm of step " + i);
    }
    var wanted = weights("cpu", TinyRun.STEPS);
    weights("emulated", TinyRun.STEPS)
        .forEach((name, w) -> {
          double error = Shared.relative(w, of(wanted, name));
          assertTrue(error < 1e-3, name + ": " + error);
        });
  }

  @Test
  void aRunOfEllisAdamGoesOnToTheSameBits() throws Exception {
    run("cpu", "whole", ELLIS);
    var run = new TinyRun(folder.resolve("cut"));
    var overrides = List.of("checkpoint={every: 1, keep: 99}", ELLIS);
    for (int part = 0; part < 3; part++) {
      var trainers = new ArrayList<Trainer>();
      long last = part < 2 ? 3L * part : Long.MAX_VALUE;
      var stops =
          new Listener() {
            @Override
            public void note(String line) {
              System.out.println(line);
            }

            @Override
            public void started(long step, long steps) {}

            @Override
            public void step(StepReport report) {
              if (report.step() == last) {
                trainers.getFirst().stop("test");
              }
            }
          };
      try (var device = Devices.open("cpu", 1 + part);
          var trainer = new Trainer(Recipe.read(run.recipe, overrides), device, stops)) {
        trainers.add(trainer);
        trainer.run();
      }
    }
    var wanted = weights("whole", TinyRun.STEPS);
    weights("cut", TinyRun.STEPS)
        .forEach((name, w) -> assertArrayEquals(of(wanted, name), w, name));
  }

  @ParameterizedTest
  @ValueSource(strings = {"cpu", "emulated"})
  void theFrozenStayAndHaveNoPartInTheNorm(String on) throws Exception {
    var common =
        List.of(
            "steps=2", "clip=0", "schedule.warmup.steps=0", "optimizer={name: adamw, lr: 0.01}");
    var whole = run(on, "whole", common.toArray(new String[0]));
    for (var freeze : List.of("prelude, coda, embedding, head", "core, adapter, norms")) {
      var overrides = new ArrayList<>(common);
      overrides.add("freeze=[" + freeze + "]");
      var name = freeze.substring(0, 4);
      var part = run(on, name, overrides.toArray(new String[0]));
      assertEquals(whole.getFirst().loss(), part.getFirst().loss());
      assertTrue(part.getFirst().gradNorm() < whole.getFirst().gradNorm());
      var names =
          freeze.startsWith("prelude") ? "prelude|coda|wte|lm_head" : "core|adapter|norm|ln_f";
      var first = weights("whole", 1);
      var then = weights(name, 1);
      var last = weights(name, 2);
      var frozen = java.util.regex.Pattern.compile(names);
      for (var key : last.keySet()) {
        if (frozen.matcher(key).find()) {
          assertArrayEquals(of(then, key), of(last, key), key);
          assertFalse(Arrays.equals(of(first, key), of(then, key)), key + " trains elsewhere");
        } else { // as where all is trained
          assertArrayEquals(of(first, key), of(then, key), key);
          assertFalse(Arrays.equals(of(then, key), of(last, key)), key);
        }
      }
    }
  }

  @Test
  void theFirstUpdateIsLeftOutWhereTheRecipeSaysSo() throws Exception {
    run("cpu", "none", "optimizer={name: ellis-adam, skip_first_update: true}", "steps=2");
    run("cpu", "zero", "optimizer={name: ellis-adam, lr: 1e-30, weight_decay: 0}", "steps=1");
    var start = weights("zero", 1);
    weights("none", 1).forEach((name, w) -> assertArrayEquals(of(start, name), w, name));
    var wte = "transformer.wte.weight";
    assertFalse(Arrays.equals(of(start, wte), of(weights("none", 2), wte)));
  }

  @Test
  void throttledPartsMoveByTheRateOverTheTrackedRecurrences() throws Exception {
    var fixed =
        List.of(
            "depth={mean: 3, backprop: 3, sampler: fixed}", "steps=1", "schedule.warmup.steps=0");
    var adam = "optimizer={name: adamw, lr: 0.03, weight_decay: 0.1, %s}";
    run("cpu", "plain", fixed.get(0), fixed.get(1), fixed.get(2), adam.formatted(""));
    run(
        "cpu",
        "throttled",
        fixed.get(0),
        fixed.get(1),
        fixed.get(2),
        adam.formatted("throttle: true"));
    var third = adam.replace("0.03", "0.01").formatted("");
    run("cpu", "third", fixed.get(0), fixed.get(1), fixed.get(2), third);
    var plain = weights("plain", 1);
    var slow = weights("third", 1);
    weights("throttled", 1)
        .forEach((name, w) -> {
          boolean recurrent = name.contains("core") || name.contains("adapter");
          assertArrayEquals(of(recurrent ? slow : plain, name), w, 1e-6f, name);
        });
  }

  @Test
  void theZLossPullsLogitsTogetherAndIsNotReported() throws Exception {
    var plain = run("cpu", "plain", "steps=12");
    var z = run("cpu", "z", "steps=12", "loss.z=0.5");
    assertEquals(plain.getFirst().loss(), z.getFirst().loss());
    assertTrue(z.getFirst().gradNorm() > plain.getFirst().gradNorm());
    assertTrue(z.getLast().loss() > plain.getLast().loss());
  }

  @Test
  void namesThatNothingHasAreRefused() {
    for (var bad :
        List.of("freeze=[transformer.layers.0.*]", "optimizer.groups=[{parameters: [core.x]}]")) {
      var e =
          assertThrows(
              IllegalArgumentException.class,
              () -> run("cpu", "bad" + bad.length(), "steps=1", bad));
      assertTrue(String.valueOf(e.getMessage()).contains("no such parameter"), e.getMessage());
    }
    var e =
        assertThrows(
            IllegalArgumentException.class,
            () -> run("cpu", "all", "freeze=[transformer.*, head]"));
    assertTrue(
        String.valueOf(e.getMessage()).contains("every parameter is frozen"), e.getMessage());
  }
}
