package rondo.train;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
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
import rondo.engine.device.Devices;
import rondo.nn.checkpoint.CheckpointException;
import tools.jackson.databind.ObjectMapper;

/** Runs that distil a fixed-depth model into a recurrent one. */
class TeacherTest {
  @TempDir Path folder;

  /** Random rows hold nothing to learn, so only the teacher can lower its divergence. */
  @Test
  void theStudentComesCloserToItsTeacher() throws IOException {
    var first = new TinyRun(folder.resolve("first"));
    var trained = new TinyRun(folder.resolve("trained"));
    Files.writeString(trained.folder.resolve("shape/config.json"), TinyRun.FIXED);
    var run = new TinyRun(folder.resolve("run"));
    var half = folder.resolve("half");
    try (var device = Devices.open("auto", 1)) {
      // A teacher with something to say: trained on other rows until it knows them.
      Files.writeString(trained.folder.resolve("rows.jsonl"), TinyRun.rows(4, 9, 23, 77));
      trained.run(device, List.of("steps=40", "checkpoint.every=40"), Listener.none());
      var options =
          List.of(
              "distill={model: " + trained.out() + ", weight: 1, temperature: 2}",
              "steps=40",
              "batch={sequences: 4, micro: 2}");
      var reports = run.run(device, options, Listener.none());
      double before = divergence(reports.getFirst());
      double after = divergence(reports.getLast());
      assertTrue(after < 0.6 * before, before + " to " + after);
      var json = new ObjectMapper();
      var lines = Files.readAllLines(run.out().resolve("metrics.jsonl"));
      assertEquals(after, json.readTree(lines.getLast()).path("divergence").asDouble());
      assertNotNull(reports.getLast().divergence());

      // Alone there is none, and the work is less by the teacher's.
      var alone = first.run(device);
      assertEquals(null, alone.getFirst().divergence());
      assertFalse(
          json.readTree(Files.readAllLines(first.out().resolve("metrics.jsonl")).getFirst())
              .has("divergence"));
      assertTrue(alone.getFirst().flops() < reports.getFirst().flops());

      // Weight 0 is the run without a teacher but for rounding.
      var none =
          first.run(
              device,
              List.of("distill={model: " + trained.out() + ", weight: 0}", "out=" + half),
              Listener.none());
      assertEquals(alone.getLast().loss(), none.getLast().loss(), 1e-4);
    }
  }

  private static double divergence(StepReport report) {
    return Objects.requireNonNull(report.divergence());
  }

  @Test
  void aKilledRunGoesOnToTheSameBitsAndRefusesAnotherTemperature() throws IOException {
    var teacher = TinyRun.teacher(folder.resolve("teacher"));
    var whole = new TinyRun(folder.resolve("whole"));
    var killed = new TinyRun(folder.resolve("killed"));
    var options = List.of("distill={model: " + teacher + ", temperature: 2}");
    try (var device = Devices.open("auto", 1)) {
      whole.run(device, options, Listener.none());
      assertThrows(
          IllegalStateException.class,
          () -> killed.run(device, options, TinyRun.listening(new ArrayList<>(), 7)));
      var other = List.of("distill={model: " + teacher + ", temperature: 3}");
      var e =
          assertThrows(CheckpointException.class, () -> killed.run(device, other, Listener.none()));
      assertTrue(
          String.valueOf(e.getMessage()).contains("distill.temperature"),
          String.valueOf(e.getMessage()));
      // The same name, other weights: as when the teacher's own run has gone on.
      var file = teacher.resolve("model.safetensors");
      var bytes = Files.readAllBytes(file);
      bytes[bytes.length - 1] ^= 1;
      Files.write(file, bytes);
      e =
          assertThrows(
              CheckpointException.class, () -> killed.run(device, options, Listener.none()));
      assertTrue(
          String.valueOf(e.getMessage()).contains("was distilled from other weights"),
          String.valueOf(e.getMessage()));
      bytes[bytes.length - 1] ^= 1;
      Files.write(file, bytes);
      killed.run(device, options, Listener.none());
    }
    var expected = TinyRun.weights(whole.out());
    var weights = TinyRun.weights(killed.out());
    for (int i = 0; i < expected.size(); i++) {
      assertArrayEquals(expected.get(i), weights.get(i));
    }
  }

  private void assertRefused(TinyRun run, String distill, String part) {
    try (var device = Devices.open("auto", 1)) {
      var e =
          assertThrows(
              RuntimeException.class,
              () -> run.run(device, List.of("distill=" + distill), Listener.none()));
      var message = String.valueOf(e.getMessage());
      assertEquals(1, message.lines().count(), message);
      assertTrue(message.contains(part), message);
    }
  }

  @Test
  void aTeacherThatDoesNotFitIsToldInOneLine() throws IOException {
    var run = new TinyRun(folder.resolve("run"));
    var teacher = TinyRun.teacher(folder.resolve("teacher"));
    var config = teacher.resolve("config.json");
    var model = "{model: " + teacher;
    assertRefused(run, model + ", weight: 1.5}", "distill.weight: 1.5");
    assertRefused(run, model + ", temperature: 0}", "distill.temperature: 0");
    assertRefused(run, model + ", temperature: 1e39}", "a number from 0.001 to 1000");
    assertRefused(run, "{weight: 1}", "distill.model");
    assertRefused(run, "{model: " + folder.resolve("none") + "}", "no such folder");
    assertRefused(run, "{model: " + run.folder.resolve("shape") + "}", "shape");

    Files.writeString(config, TinyRun.FIXED.replace("\"vocab_size\": 23", "\"vocab_size\": 24"));
    assertRefused(run, model + "}", "expected the student's vocabulary of 23, this one has 24");
    Files.writeString(
        config,
        TinyRun.FIXED.replace("\"max_position_embeddings\": 16", "\"max_position_embeddings\": 4"));
    assertRefused(
        run, model + "}", "expected the 8 positions of data.sequence_length, this one has 4");
    var recurrent = new TinyRun(folder.resolve("recurrent"));
    try (var device = Devices.open("auto", 1)) {
      recurrent.run(device);
    }
    assertRefused(
        run,
        "{model: " + recurrent.out() + "}",
        "expected a model of fixed depth, this one is recurrent");
  }
}
