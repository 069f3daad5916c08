package rondo.train;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import rondo.engine.device.Devices;
import rondo.nn.checkpoint.CheckpointException;
import tools.jackson.databind.ObjectMapper;

/** What SIGKILL leaves of a run, at the worst moments. */
class KillTest {
  private static final int WANTED = 2;
  private static final int ROUNDS = 12;
  private static final int KILLS = 20;
  private static final int MANY_STEPS = 120;

  @TempDir Path folder;

  /** A run whose checkpoints are large enough to be caught while they are written. */
  private static TinyRun large(Path folder) throws IOException {
    var run = new TinyRun(folder);
    var config = folder.resolve("shape/config.json");
    Files.writeString(
        config, Files.readString(config).replace("vocab_size\": 23", "vocab_size\": 8000"));
    return run;
  }

  private static void finish(TinyRun run, Listener listener) {
    try (var device = Devices.open("auto", 1)) {
      run.run(device, List.of("checkpoint.every=12"), listener);
    }
  }

  @Test
  void aKillInTheMiddleOfACheckpointCostsNothingButThatStep() throws Exception {
    var whole = large(folder.resolve("whole"));
    finish(whole, Listener.none());
    long seed = System.nanoTime();
    System.out.println("seed " + seed);
    var random = new SplittableRandom(seed);
    int caught = 0;
    for (int round = 0; round < ROUNDS && caught < WANTED; round++) {
      var run = large(folder.resolve("killed" + round));
      int step = 2 + random.nextInt(3);
      var unfinished = run.out().resolve(".step-" + step + ".tmp");
      var process = ForkedRun.start(run.recipe, ":");
      try {
        while (process.isAlive() && !Files.exists(unfinished)) {
          Thread.onSpinWait();
        }
        TimeUnit.MICROSECONDS.sleep(random.nextInt(2000));
      } finally {
        process.destroyForcibly().waitFor();
      }
      if (!Files.exists(unfinished)) {
        continue;
      }
      caught++;
      var newest = new Checkpoints(run.out()).newest(line -> {}).orElseThrow();
      assertEquals(run.out().resolve("step-" + (step - 1)), newest, "seed " + seed);
      finish(run, Listener.none());
      assertSame(whole, run, "killed at step " + step + ", seed " + seed);
      try (var left = Files.newDirectoryStream(run.out(), ".*tmp*")) {
        assertTrue(!left.iterator().hasNext(), "what was left half-written is removed");
      }
    }
    System.out.println(caught + " of the kills met a checkpoint");
    assertEquals(WANTED, caught, "kills that met a checkpoint; seed " + seed);
  }

  /** Everywhere: while it starts, reads, steps, writes lines, checkpoints, measures or prunes. */
  @Test
  void aRunKilledTwentyTimesGivesTheBitsOfOneNeverKilled() throws Exception {
    var more = List.of("steps=" + MANY_STEPS, "checkpoint={every: 2, keep: 2}");
    var whole = validated(folder.resolve("whole"));
    try (var device = Devices.open("auto", 1)) {
      whole.run(device, more, Listener.none());
    }
    long seed = System.nanoTime();
    System.out.println("seed " + seed);
    var random = new SplittableRandom(seed);
    var run = validated(folder.resolve("killed"));
    int met = 0;
    for (int kill = 0; kill < KILLS; kill++) {
      long before = lines(run);
      // Every fourth while it starts or resumes, the others some steps on.
      boolean starting = kill % 4 == 3;
      long target = before + 1 + random.nextInt(3);
      long micros = random.nextInt(starting ? 1_000_000 : 20_000);
      var process = ForkedRun.start(run.recipe, ":", more.toArray(new String[0]));
      try {
        while (!starting && process.isAlive() && lines(run) < target) {
          TimeUnit.MILLISECONDS.sleep(1);
        }
        TimeUnit.MICROSECONDS.sleep(micros);
        met += process.isAlive() ? 1 : 0;
      } finally {
        process.destroyForcibly().waitFor();
      }
      assertTrue(lines(run) < MANY_STEPS, "the run ended before kill " + kill + "; seed " + seed);
    }
    System.out.println(met + " kills; " + lines(run) + " of " + MANY_STEPS + " lines by then");
    assertEquals(KILLS, met, "seed " + seed);
    try (var device = Devices.open("auto", 1)) {
      run.run(device, more, Listener.none());
    }
    assertEquals(comparable(whole), comparable(run), "seed " + seed);
    for (var name : List.of("model.safetensors", "optimizer.safetensors", "config.json")) {
      var last = Path.of("step-" + MANY_STEPS, name);
      assertArrayEquals(
          Files.readAllBytes(whole.out().resolve(last)),
          Files.readAllBytes(run.out().resolve(last)),
          name + ", seed " + seed);
    }
  }

  private static TinyRun validated(Path folder) throws IOException {
    var run = new TinyRun(folder);
    var held = Files.writeString(folder.resolve("held.jsonl"), TinyRun.rows(3, 9, 23, 6));
    Files.writeString(
        run.recipe,
        Files.readString(run.recipe)
            .replace(
                "  sequence_length: 8",
                "  sequence_length: 8\n  validation: {path: %s, every: 3, recurrences: [1, 3, 6]}"
                    .formatted(held)));
    return run;
  }

  private static long lines(TinyRun run) throws IOException {
    var file = run.out().resolve("metrics.jsonl");
    if (!Files.exists(file)) {
      return 0;
    }
    try (var lines = Files.lines(file)) {
      return lines.count();
    }
  }

  /** The lines of a run, all but their speed. */
  private static List<String> comparable(TinyRun run) throws IOException {
    return Files.readAllLines(run.out().resolve("metrics.jsonl")).stream()
        .map(line -> line.replaceAll("\"tokens_per_second\":[^,]*,", ""))
        .toList();
  }

  private static void assertSame(TinyRun whole, TinyRun run, String when) throws IOException {
    var expected = Files.readAllLines(whole.out().resolve("metrics.jsonl"));
    var lines = Files.readAllLines(run.out().resolve("metrics.jsonl"));
    assertEquals(expected.size(), lines.size(), when);
    var json = new ObjectMapper();
    for (int i = 0; i < lines.size(); i++) {
      assertEquals(
          json.readTree(expected.get(i)).path("loss"), json.readTree(lines.get(i)).path("loss"));
    }
    var a = TinyRun.weights(whole.out());
    var b = TinyRun.weights(run.out());
    for (int i = 0; i < a.size(); i++) {
      assertArrayEquals(a.get(i), b.get(i), when);
    }
  }

  @Test
  void aFolderInWhichAnotherProcessTrainsIsRefusedUntilThatIsGone() throws Exception {
    var run = new TinyRun(folder);
    var process = ForkedRun.start(run.recipe, ":", "steps=1000000");
    try {
      while (process.isAlive() && !Files.exists(run.out().resolve("step-1"))) {
        TimeUnit.MILLISECONDS.sleep(5);
      }
      var e = assertThrows(IllegalArgumentException.class, () -> finish(run, Listener.none()));
      assertTrue(
          String.valueOf(e.getMessage()).contains("another process is training there"),
          String.valueOf(e.getMessage()));
    } finally {
      process.destroyForcibly().waitFor();
    }
    var e = assertThrows(CheckpointException.class, () -> finish(run, Listener.none()));
    assertTrue(String.valueOf(e.getMessage()).contains("steps was 1000000"), e.toString());
  }
}
