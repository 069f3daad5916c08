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
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import rondo.engine.device.Devices;
import rondo.nn.FixedModel;
import rondo.nn.WeightFiles;
import tools.jackson.databind.ObjectMapper;

/** A recipe that was written for a recurrent model, run with a fixed-depth one. */
class FixedBaselineTest {
  @TempDir Path folder;

  @Test
  void theRecipeRunsUnchangedAndItsDepthIsIgnoredWithOneNote() throws IOException {
    var held = Files.writeString(folder.resolve("held.jsonl"), TinyRun.rows(3, 9, 23, 6));
    var options =
        List.of(
            "data.validation={path: " + held + ", recurrences: [1, 4], every: 4}",
            "batch={sequences: 4, micro: auto}",
            "memory=1 GiB",
            "ema={decay: 0.9}",
            "steps=12");
    var recurrent = new TinyRun(folder.resolve("recurrent"));
    var whole = new TinyRun(folder.resolve("whole"));
    var run = new TinyRun(folder.resolve("run"));
    for (var fixed : List.of(whole, run)) {
      Files.writeString(fixed.folder.resolve("shape/config.json"), TinyRun.FIXED);
    }
    try (var device = Devices.open("auto", 1)) {
      assertEquals(TinyRun.STEPS, recurrent.run(device, options, Listener.none()).size());
      var notes = new ArrayList<String>();
      whole.run(device, options, TinyRun.listening(notes, -1));
      assertEquals(
          1,
          notes.stream()
              .filter(note -> note.equals("depth: ignored: the model has a fixed depth"))
              .count(),
          notes.toString());
      assertTrue(notes.stream().noneMatch(note -> note.contains("warning")), notes.toString());

      assertThrows(
          IllegalStateException.class,
          () -> run.run(device, options, TinyRun.listening(new ArrayList<>(), 7)));
      run.run(device, options, Listener.none());
      for (var file : List.of("model.safetensors", "ema/model.safetensors")) {
        assertArrayEquals(
            Files.readAllBytes(whole.out().resolve("step-12").resolve(file)),
            Files.readAllBytes(run.out().resolve("step-12").resolve(file)),
            file);
      }
      try (var average = WeightFiles.load(run.out().resolve("step-12/ema"), device)) {
        assertTrue(average.model() instanceof FixedModel);
      }

      var quiet = new ArrayList<String>();
      var none = List.of("out=" + folder.resolve("none"), "depth=");
      whole.run(device, none, TinyRun.listening(quiet, -1));
      assertTrue(quiet.isEmpty(), "nothing is ignored: " + quiet);
    }
    var json = new ObjectMapper();
    var lines = Files.readAllLines(whole.out().resolve("metrics.jsonl"));
    var last = json.readTree(lines.getLast());
    assertEquals(List.of("0"), List.copyOf(last.path("validation").propertyNames()));
    assertFalse(last.has("diagnostics"));
    assertEquals(1, last.path("mean_recurrence").asInt());
    assertEquals(0, last.path("frozen").asInt());
    assertEquals(1, last.path("tracked").asInt());
    assertTrue(
        last.path("loss").asDouble() < json.readTree(lines.getFirst()).path("loss").asDouble());
  }
}
