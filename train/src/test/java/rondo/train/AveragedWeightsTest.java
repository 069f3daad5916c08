package rondo.train;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import rondo.engine.device.Device;
import rondo.engine.device.Devices;
import rondo.nn.Initializer;
import rondo.nn.Model;
import rondo.nn.WeightFiles;
import rondo.nn.Weights;
import rondo.nn.checkpoint.SafetensorsFile;
import tools.jackson.databind.ObjectMapper;

class AveragedWeightsTest {
  @TempDir Path folder;

  private static Map<String, double[]> read(Path model) {
    var values = new TreeMap<String, double[]>();
    try (var file = SafetensorsFile.open(model.resolve("model.safetensors"))) {
      file.tensors().forEach((name, tensor) -> values.put(name, doubles(tensor.readFloats())));
    }
    return values;
  }

  private static double[] doubles(float[] values) {
    var wide = new double[values.length];
    for (int i = 0; i < wide.length; i++) {
      wide[i] = values[i];
    }
    return wide;
  }

  /** The weights that the run begins with, written by name. */
  private Map<String, double[]> initial(TinyRun run, Device device) throws IOException {
    var recipe = Recipe.read(run.recipe, List.of());
    var start = Files.createDirectories(folder.resolve("start"));
    try (var weights = Weights.allocate(Model.of(Session.config(recipe)), device)) {
      Initializer.fill(weights, device, recipe.seed());
      WeightFiles.save(weights, start, WeightFiles.Precision.F32);
    }
    return read(start);
  }

  @ParameterizedTest
  @ValueSource(strings = {"plain", "auto", "emulated"})
  void itIsTheAverageOfTheWeightsAfterEverySoManySteps(String name) throws IOException {
    var run = new TinyRun(folder);
    try (var device = Devices.open(name, 2)) {
      run.run(
          device,
          List.of("steps=7", "ema={decay: 0.9, every: 2}", "checkpoint={every: 1, keep: 99}"),
          Listener.none());
      var expected = initial(run, device);
      for (int step = 1; step <= 7; step++) {
        var at = run.out().resolve("step-" + step);
        if (step % 2 == 0) {
          read(at)
              .forEach((key, w) -> {
                var e = Objects.requireNonNull(expected.get(key), key);
                for (int i = 0; i < w.length; i++) {
                  e[i] = 0.9 * e[i] + 0.1 * w[i];
                }
              });
        }
        read(at.resolve("ema"))
            .forEach((key, found) -> assertArrayEquals(expected.get(key), found, 1e-6, key));
      }
    }
  }

  @Test
  void aResumedRunHasTheSameAverageAndMeasuresIt() throws IOException {
    var held = Files.writeString(folder.resolve("held.jsonl"), TinyRun.rows(3, 9, 23, 6));
    var options = List.of("ema={decay: 0.8}", "data.validation={path: " + held + "}");
    var whole = new TinyRun(folder.resolve("whole"));
    var run = new TinyRun(folder.resolve("killed"));
    var killed =
        new Listener() {
          @Override
          public void note(String line) {}

          @Override
          public void started(long step, long steps) {}

          @Override
          public void step(StepReport report) {
            if (report.step() == 7) {
              throw new IllegalStateException("killed");
            }
          }
        };
    try (var device = Devices.open("auto", 1)) {
      whole.run(device, options, Listener.none());
      assertThrows(IllegalStateException.class, () -> run.run(device, options, killed));
      run.run(device, options, Listener.none());
      for (var file : List.of("model.safetensors", "ema/model.safetensors", "ema/config.json")) {
        assertArrayEquals(
            Files.readAllBytes(whole.out().resolve("step-12").resolve(file)),
            Files.readAllBytes(run.out().resolve("step-12").resolve(file)),
            file);
      }
      var line =
          new ObjectMapper()
              .readTree(Files.readAllLines(run.out().resolve("metrics.jsonl")).getLast());
      assertEquals(
          losses(device, run, run.out().resolve("step-12")), line.path("validation").toString());
      assertEquals(
          losses(device, run, run.out().resolve("step-12/ema")),
          line.path("validation_ema").toString());
      assertFalse(line.path("validation").equals(line.path("validation_ema")));

      // Half an average is no checkpoint.
      var average = run.out().resolve("step-12/ema/model.safetensors");
      Files.write(average, java.util.Arrays.copyOf(Files.readAllBytes(average), 100));
      assertEquals(3, run.run(device, options, Listener.none()).size());
      assertTrue(Files.exists(average));
    }
  }

  /** What the loss of a model folder is on the validation rows of a run. */
  private String losses(Device device, TinyRun run, Path model) {
    var recipe =
        Recipe.read(
            run.recipe, List.of("data.validation={path: " + folder.resolve("held.jsonl") + "}"));
    var rows =
        Objects.requireNonNull(
            Validation.of(
                recipe, Session.config(recipe), java.util.Optional.empty(), Listener.none()));
    try (var weights = WeightFiles.load(model, device)) {
      var node = new ObjectMapper().createObjectNode();
      rows.measure(weights, null, device, 0, _ -> {}).addTo(node);
      return node.path("validation").toString();
    }
  }
}
