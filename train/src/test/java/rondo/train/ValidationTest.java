package rondo.train;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import rondo.engine.device.Devices;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.ObjectMapper;

/** What is measured on held-out rows during a run, and where it is told. */
class ValidationTest {
  @TempDir Path folder;

  private String held(String more) throws IOException {
    var file = Files.writeString(folder.resolve("held.jsonl"), TinyRun.rows(3, 9, 23, 6));
    return "data.validation={path: %s%s}".formatted(file, more);
  }

  private static List<JsonNode> lines(Path out) throws IOException {
    var json = new ObjectMapper();
    return Files.readAllLines(out.resolve("metrics.jsonl")).stream().map(json::readTree).toList();
  }

  @Test
  void itsDepthsAndItsIntervalAreTheRecipes() throws IOException {
    var run = new TinyRun(folder);
    var told = new HashMap<Long, List<Integer>>();
    try (var device = Devices.open("auto", 1)) {
      run.run(
          device,
          List.of(held(", recurrences: [1, 3, 6], every: 5"), "checkpoint.every=4"),
          new Listener() {
            @Override
            public void note(String line) {}

            @Override
            public void started(long step, long steps) {}

            @Override
            public void step(StepReport report) {}

            @Override
            public void validated(long step, List<LossOverDepth.Row> rows) {
              told.put(step, rows.stream().map(LossOverDepth.Row::recurrences).toList());
            }
          });
    }
    var depths = List.of(1, 3, 6);
    assertEquals(Map.of(4L, depths, 9L, depths, 11L, depths), told, "every 5 steps and the last");
    var lines = lines(run.out());
    for (int i = 0; i < TinyRun.STEPS; i++) {
      var losses = lines.get(i).path("validation");
      assertEquals(told.containsKey((long) i), losses.isObject(), "line " + i);
      if (losses.isObject()) {
        assertEquals(List.of("1", "3", "6"), List.copyOf(losses.propertyNames()));
      }
    }
    try (var files = Files.list(run.out().resolve("tensorboard"))) {
      var events = Files.readString(files.findFirst().orElseThrow(), StandardCharsets.ISO_8859_1);
      assertTrue(events.contains("validation/r6"));
    }
  }

  @Test
  void whatIsReadAndMeasuredIsToldOnTheWay() throws IOException {
    var run = new TinyRun(folder);
    var options =
        List.of(held(", recurrences: [1, 3], every: 5"), "batch.micro=2", "steps=5", "ema={}");
    var told = new ArrayList<String>();
    var listener =
        new Listener() {
          @Override
          public void note(String line) {}

          @Override
          public void reading(String source, long rows) {
            told.add(Path.of(source).getFileName() + " " + rows);
          }

          @Override
          public void started(long step, long steps) {
            told.add("started");
          }

          @Override
          public void step(StepReport report) {}

          @Override
          public void measuring(long step, long rows, long total) {
            told.add("after %d: %d of %d".formatted(step, rows, total));
          }
        };
    try (var device = Devices.open("auto", 1);
        var trainer = new Trainer(Recipe.read(run.recipe, options), device, listener)) {
      trainer.run();
    }
    var expected = new ArrayList<String>();
    for (int i = 1; i <= 40; i++) {
      expected.add("rows.jsonl " + i);
    }
    expected.addAll(List.of("held.jsonl 1", "held.jsonl 2", "held.jsonl 3", "started"));
    for (var _ : List.of("weights", "averaged weights")) {
      expected.addAll(List.of("after 4: 2 of 3", "after 4: 3 of 3"));
    }
    assertEquals(expected, told);
  }

  /** Nothing but the weights decides: the same ones twice in a run give the same losses. */
  @Test
  void randomInitialStatesAreTheSameEachTime() throws IOException {
    var run = new TinyRun(folder);
    try (var device = Devices.open("auto", 1)) {
      // A learning rate below what f32 weights can take up leaves them as they are.
      run.run(
          device,
          List.of(
              held(", recurrences: [1, 4], every: 1"),
              "depth.state=random",
              "optimizer={name: adamw, lr: 1e-30, weight_decay: 0}"),
          Listener.none());
    }
    var lines = lines(run.out());
    for (var line : lines) {
      assertEquals(lines.getFirst().path("validation"), line.path("validation"));
    }
    assertTrue(lines.getFirst().path("loss").asDouble() != lines.get(1).path("loss").asDouble());
  }

  @ParameterizedTest
  @ValueSource(strings = {"[]", "[4, 1]", "[1, 1]", "[0, 1]", "4", "[1, two]", "[1.5]"})
  void depthsThatAreNoneAreToldInOneLine(String depths) throws IOException {
    var run = new TinyRun(folder);
    var options = new ArrayList<>(List.of(held(", recurrences: " + depths)));
    var e = assertThrows(IllegalArgumentException.class, () -> Recipe.read(run.recipe, options));
    var message = String.valueOf(e.getMessage());
    assertTrue(message.startsWith("recipe: data.validation.recurrences: "), message);
    assertTrue(message.contains("expected a list of increasing whole numbers from 1"), message);
  }
}
