package rondo.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static rondo.cli.Called.rondo;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.ObjectMapper;

/** What ends a run before its last step: signals and a deadline, in real processes. */
@Timeout(240)
class StopTest {
  @TempDir Path folder;
  private Path recipe = Path.of("");
  private Path metrics = Path.of("");

  @BeforeEach
  void writeRecipe() throws IOException {
    var model = TinyModels.recurrent(folder.resolve("model"));
    var data = TinyModels.data(folder.resolve("rows.jsonl"), 12, 9);
    metrics = folder.resolve("run/metrics.jsonl");
    recipe =
        Files.writeString(
            folder.resolve("recipe.yaml"),
            """
            model: %s
            out: %s
            data: {train: [{path: %s}], sequence_length: 8}
            batch: {sequences: 4}
            steps: 1000000
            depth: {mean: 4, backprop: 2}
            """
                .formatted(model, folder.resolve("run"), data));
  }

  private long steps() throws IOException {
    return Files.exists(metrics) ? Files.readAllLines(metrics).size() : 0;
  }

  private void awaitSteps(Process process, long steps) throws Exception {
    while (process.isAlive() && steps() < steps) {
      TimeUnit.MILLISECONDS.sleep(10);
    }
  }

  private static void send(String signal, Process process) throws Exception {
    new ProcessBuilder("kill", "-" + signal, "" + process.pid()).start().waitFor();
  }

  private static String output(Process process) throws IOException {
    return new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
  }

  @ParameterizedTest
  @ValueSource(strings = {"TERM", "INT", "HUP", "USR1"})
  void aSignalEndsTheStepWritesACheckpointAndSaysHowToGoOn(String signal) throws Exception {
    var process = Forked.rondo(":", "train", recipe, "--threads", 1);
    String output;
    try {
      awaitSteps(process, 3);
      send(signal, process);
      output = output(process);
      assertEquals(TrainCommand.STOPPED, process.waitFor(), output);
    } finally {
      process.destroyForcibly().waitFor();
    }
    long steps = steps();
    assertTrue(steps >= 3, output);
    assertTrue(
        output.contains(
            "stopped after %d of 1000000 steps (SIG%s); the same command goes on from there"
                .formatted(steps, signal)),
        output);
    var made = folder.resolve("run/step-" + steps);
    assertTrue(Files.exists(made.resolve("checkpoint.json")), output);
    assertTrue(output.contains(made.toString()), output);
    var manifest = new ObjectMapper().readTree(Files.readString(made.resolve("checkpoint.json")));
    assertEquals(steps, manifest.path("step").asLong());
  }

  @Test
  void aSecondSignalDoesNotWait() throws Exception {
    // A step of ten thousand passes: nothing ends it in time but the second signal.
    var process =
        Forked.rondo(":", "train", recipe, "--threads", 1, "batch={sequences: 40000, micro: 4}");
    try {
      while (process.isAlive() && !Files.exists(folder.resolve("run/tensorboard"))) {
        TimeUnit.MILLISECONDS.sleep(10);
      }
      send("TERM", process);
      send("INT", process);
      int code = process.waitFor();
      assertTrue(List.of(128 + 15, 128 + 2).contains(code), code + ": " + output(process));
      assertEquals(0, steps());
    } finally {
      process.destroyForcibly().waitFor();
    }
  }

  @Test
  void aDeadlineEndsARunAndTheSameCommandGoesOn() throws Exception {
    var first = rondo("train", recipe, "--stop-after", "1s", "--json");
    assertEquals(TrainCommand.STOPPED, first.code(), first.err());
    assertTrue(first.err().contains("steps (--stop-after); the same command"), first.err());
    long steps = steps();
    assertEquals(
        steps, new ObjectMapper().readTree(first.out()).path("step").asLong(), first.out());
    var second = rondo("train", recipe, "--stop-after", "1s");
    assertEquals(TrainCommand.STOPPED, second.code(), second.err());
    assertTrue(second.err().contains("goes on from "), second.err());
    assertTrue(steps() > steps, "and gets further");
  }

  @ParameterizedTest
  @ValueSource(strings = {"0s", "3", "3 h", "1h30", "-5m", "h", ""})
  void aDeadlineThatIsNoneIsTold(String time) {
    var line = rondo("train", recipe, "--stop-after", time).wrong();
    assertTrue(line.contains("expected a time such as 90s, 55m, 3h or 1d12h"), line);
    assertFalse(Files.exists(metrics));
  }

  @Test
  void timesAreDaysHoursMinutesAndSeconds() {
    assertEquals(5400, Deadline.parse("", "1h30m").toSeconds());
    assertEquals(86400 + 43200, Deadline.parse("", "1d12h").toSeconds());
    assertEquals(90, Deadline.parse("", "90s").toSeconds());
    assertEquals(3300, Deadline.parse("", "55m").toSeconds());
  }
}
