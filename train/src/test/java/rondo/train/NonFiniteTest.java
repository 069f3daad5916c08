package rondo.train;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import rondo.engine.device.Device;
import rondo.engine.device.Devices;
import rondo.nn.Initializer;
import rondo.nn.Model;
import rondo.nn.WeightFiles;
import rondo.nn.Weights;
import rondo.nn.checkpoint.ConfigReader;
import rondo.nn.checkpoint.SafetensorsFile;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.ObjectMapper;

/** Rows with one token whose embedding is no number: what such a step does to a run. */
class NonFiniteTest {
  private static final int POISON = 22;

  @TempDir Path folder;

  /**
   * A run in file order, four rows a step, on a model whose token 22 has an embedding that is no
   * number.
   *
   * @param poisoned the steps that meet it
   */
  private TinyRun run(Integer... poisoned) throws IOException {
    var run = new TinyRun(folder);
    var config = ConfigReader.read(folder.resolve("shape/config.json"), java.util.Set.of());
    try (var device = Device.plain();
        var weights = Weights.allocate(Model.of(config), device)) {
      Initializer.fill(weights, device, 7);
      for (var p : weights.model().parameters()) {
        if (p.name().equals("transformer.wte.weight")) {
          float[] values = device.floats(weights.of(p));
          values[POISON * p.shape().last()] = Float.NaN;
          device.write(weights.of(p), values);
        }
      }
      WeightFiles.save(
          weights, Files.createDirectories(folder.resolve("model")), WeightFiles.Precision.F32);
    }
    var rows = new ArrayList<>(TinyRun.rows(4 * TinyRun.STEPS, 9, POISON, 5).lines().toList());
    for (int step : poisoned) {
      rows.set(4 * step + 1, "{\"input_ids\": [1, 2, " + POISON + ", 3, 4, 5, 6, 7, 8]}");
    }
    Files.write(folder.resolve("rows.jsonl"), rows);
    return run;
  }

  private List<String> options(String... more) {
    var all =
        new ArrayList<>(
            List.of(
                "model=" + folder.resolve("model"),
                "init=weights",
                "data.shuffle=false",
                "checkpoint={every: 1, keep: 99}"));
    all.addAll(List.of(more));
    return all;
  }

  private static Device device() {
    return Devices.open("auto", 1);
  }

  private static void assertSameTensors(Path a, Path b) {
    for (var name : List.of("model.safetensors", "optimizer.safetensors")) {
      try (var one = SafetensorsFile.open(a.resolve(name));
          var other = SafetensorsFile.open(b.resolve(name))) {
        one.tensors()
            .forEach((key, tensor) -> {
              var found = Objects.requireNonNull(other.tensors().get(key), key);
              assertArrayEquals(tensor.readFloats(), found.readFloats(), key);
            });
      }
    }
  }

  private static List<JsonNode> lines(TinyRun run) throws IOException {
    var json = new ObjectMapper();
    return Files.readAllLines(run.out().resolve("metrics.jsonl")).stream()
        .map(json::readTree)
        .toList();
  }

  @Test
  void aRunStopsWithTheStateBeforeTheStepAndGoesOnWithAnotherPolicy() throws IOException {
    var run = run(5);
    try (var device = device()) {
      var every3 = options("checkpoint.every=3");
      var e = assertThrows(TrainingException.class, () -> run.run(device, every3, Listener.none()));
      var message = String.valueOf(e.getMessage());
      assertEquals(1, message.lines().count(), message);
      assertTrue(message.startsWith("step 5: loss is NaN"), message);
      assertTrue(message.contains("step-5 holds the state before it"), message);
      assertEquals(5, lines(run).size());

      // Steps 0 to 4 in a folder of their own, of which nothing is poisoned.
      var clean = folder.resolve("clean");
      var rows = Files.readString(folder.resolve("rows.jsonl"));
      Files.writeString(folder.resolve("rows.jsonl"), rows.replace(", " + POISON + ",", ", 9,"));
      run.run(device, options("out=" + clean), Listener.none());
      assertSameTensors(clean.resolve("step-5"), run.out().resolve("step-5"));
      Files.writeString(folder.resolve("rows.jsonl"), rows);

      var again =
          assertThrows(TrainingException.class, () -> run.run(device, every3, Listener.none()));
      assertEquals(message, again.getMessage(), "the data goes on where it was");
      assertEquals(
          TinyRun.STEPS - 5, run.run(device, options("non_finite=skip"), Listener.none()).size());
    }
  }

  @Test
  void aSkippedStepChangesNothingIsCountedAndNamed() throws IOException {
    var run = run(2, 6, 7);
    var notes = new ArrayList<String>();
    try (var device = device()) {
      run.run(
          device,
          options("non_finite=skip"),
          new Listener() {
            @Override
            public void note(String line) {
              notes.add(line);
            }

            @Override
            public void started(long step, long steps) {}

            @Override
            public void step(StepReport report) {}
          });
      assertEquals(
          List.of(
              "step 2: loss is NaN; its update is left out, 1 so far",
              "step 6: loss is NaN; its update is left out, 2 so far",
              "step 7: loss is NaN; its update is left out, 3 so far"),
          notes);
      for (int step : new int[] {2, 6, 7}) {
        assertSameTensors(
            run.out().resolve("step-" + step), run.out().resolve("step-" + (step + 1)));
      }
      var lines = lines(run);
      assertEquals(TinyRun.STEPS, lines.size());
      assertFalse(lines.get(1).has("skipped"));
      assertTrue(lines.get(2).path("loss").isNull(), lines.get(2).toString());
      assertTrue(lines.get(3).path("loss").isNumber());
      assertEquals(3, lines.getLast().path("skipped").asInt());

      // Cut back to before the second one, a run goes on to the same bits and counts on.
      var whole = TinyRun.weights(run.out());
      for (int step = 7; step <= TinyRun.STEPS; step++) {
        Files.delete(run.out().resolve("step-" + step + "/checkpoint.json"));
      }
      run.run(device, options("non_finite=skip"), Listener.none());
      var resumed = TinyRun.weights(run.out());
      for (int i = 0; i < whole.size(); i++) {
        assertArrayEquals(whole.get(i), resumed.get(i));
      }
      assertEquals(lines.getLast().path("skipped"), lines(run).getLast().path("skipped"));
    }
  }

  @Test
  void aRunThatOnlySkipsEndsAlsoWhenItIsResumedInBetween() throws IOException {
    var run = run(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11);
    try (var device = device()) {
      var skip = options("non_finite=skip");
      var e = assertThrows(TrainingException.class, () -> run.run(device, skip, Listener.none()));
      var message = String.valueOf(e.getMessage());
      assertTrue(
          message.startsWith("step 11: loss is NaN after 10 steps in a row that were skipped"),
          message);
      assertTrue(message.contains("step-11 holds the state before it"), message);
      assertSameTensors(run.out().resolve("step-1"), run.out().resolve("step-11"));
      assertEquals(11, lines(run).size());
      var again =
          assertThrows(TrainingException.class, () -> run.run(device, skip, Listener.none()));
      assertEquals(message, again.getMessage());
    }
  }

  @Test
  void aRunWhoseFirstStepFailsKeepsNothing() throws IOException {
    var run = run(0);
    try (var device = device()) {
      var e =
          assertThrows(TrainingException.class, () -> run.run(device, options(), Listener.none()));
      assertEquals(
          "step 0: loss is NaN; nothing was trained: lower the learning rate", e.getMessage());
    }
    assertFalse(Files.exists(run.out().resolve("step-0")));
  }
}
