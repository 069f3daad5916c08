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
import java.util.Optional;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import rondo.data.DocumentSource;
import rondo.data.ParquetWriter;
import rondo.data.rows.Packing;
import rondo.data.rows.RowTable;
import rondo.engine.device.Device;
import rondo.engine.device.Devices;
import rondo.nn.checkpoint.CheckpointException;
import tools.jackson.databind.ObjectMapper;

class ResumeTest {
  @TempDir Path folder;

  /** Stands for a kill: nothing of the trainer runs after it. */
  private static final class Killed extends RuntimeException {
    private static final long serialVersionUID = 1L;
  }

  private static Listener killAt(long step) {
    return new Listener() {
      @Override
      public void note(String line) {
        System.out.println(line);
      }

      @Override
      public void started(long first, long steps) {}

      @Override
      public void step(StepReport report) {
        if (report.step() == step) {
          throw new Killed();
        }
      }
    };
  }

  private static Device device(int threads) {
    return Devices.open("auto", threads);
  }

  @Test
  void aRunKilledAtAnyStepAndResumedOnAnotherNumberOfThreadsGivesTheSameBits() throws Exception {
    var whole = new TinyRun(folder.resolve("whole"));
    List<StepReport> expected;
    try (var device = device(2)) {
      expected = whole.run(device);
    }
    long seed = 20261121;
    System.out.println("seed " + seed);
    var random = new SplittableRandom(seed);
    for (int round = 0; round < 4; round++) {
      var run = new TinyRun(folder.resolve("killed" + round));
      long at = random.nextLong(TinyRun.STEPS);
      try (var device = device(1)) {
        assertThrows(Killed.class, () -> run.run(device, List.of(), killAt(at)));
      }
      try (var device = device(3)) {
        run.run(device);
      }
      var lines = Files.readAllLines(run.out().resolve("metrics.jsonl"));
      assertEquals(TinyRun.STEPS, lines.size(), "killed at step " + at);
      var json = new ObjectMapper();
      for (int i = 0; i < lines.size(); i++) {
        var line = json.readTree(lines.get(i));
        assertEquals(i, line.path("step").asInt());
        assertEquals(expected.get(i).loss(), line.path("loss").asDouble(), "loss of step " + i);
        assertEquals(expected.get(i).gradNorm(), line.path("grad_norm").asDouble());
      }
      var a = TinyRun.weights(whole.out());
      var b = TinyRun.weights(run.out());
      for (int i = 0; i < a.size(); i++) {
        assertArrayEquals(a.get(i), b.get(i), "killed at step " + at);
      }
    }
  }

  /** Eight rows, so that the run of 48 goes over them six times. */
  private static TinyRun streamed(Path folder) throws IOException {
    var run = new TinyRun(folder);
    var rows = Files.readAllLines(folder.resolve("rows.jsonl")).subList(0, 8);
    Files.write(folder.resolve("rows.jsonl"), rows);
    return run;
  }

  @Test
  void rowsInTheirOrderAreStreamedAndARunGoesOnInTheMiddleOfThem() throws Exception {
    var inOrder = List.of("data.shuffle=false", "checkpoint.every=1");
    var whole = streamed(folder.resolve("whole"));
    var run = streamed(folder.resolve("killed"));
    try (var device = device(1)) {
      whole.run(device, inOrder, Listener.none());
      for (long at : new long[] {2, 5, 6}) {
        assertThrows(Killed.class, () -> run.run(device, inOrder, killAt(at)));
      }
      run.run(device, inOrder, Listener.none());
    }
    var a = TinyRun.weights(whole.out());
    var b = TinyRun.weights(run.out());
    for (int i = 0; i < a.size(); i++) {
      assertArrayEquals(a.get(i), b.get(i));
    }
  }

  /** Its forty rows in two shards. */
  private static TinyRun sharded(Path folder) throws IOException {
    var run = new TinyRun(folder);
    var shards = Files.createDirectory(folder.resolve("shards"));
    var packing = Packing.training(8, 23, Optional.empty());
    var table = RowTable.read(DocumentSource.of(folder.resolve("rows.jsonl")), packing);
    try (var writer = new ParquetWriter(shards)) {
      for (int i = 0; i < table.size(); i++) {
        writer.add(table.row(i));
        if (i == 24) {
          writer.write(shards.resolve("0.parquet"));
        }
      }
      writer.write(shards.resolve("1.parquet"));
    }
    return run;
  }

  @Test
  void shardsAreShuffledAndARunGoesOnInTheMiddleOfThem() throws Exception {
    var whole = sharded(folder.resolve("whole"));
    var run = sharded(folder.resolve("killed"));
    try (var device = device(1)) {
      whole.run(device, shards("whole"), Listener.none());
      for (long at : new long[] {2, 5, 10}) {
        assertThrows(Killed.class, () -> run.run(device, shards("killed"), killAt(at)));
      }
      run.run(device, shards("killed"), Listener.none());
      var a = TinyRun.weights(whole.out());
      var b = TinyRun.weights(run.out());
      for (int i = 0; i < a.size(); i++) {
        assertArrayEquals(a.get(i), b.get(i));
      }
      var text = Files.writeString(folder.resolve("rows.jsonl"), "");
      var e =
          assertThrows(
              rondo.data.DataException.class,
              () ->
                  run.run(
                      device,
                      List.of(
                          "data.shuffle=shards",
                          "data.train=[{path: " + text + "}]",
                          "out=" + folder.resolve("no")),
                      Listener.none()));
      assertTrue(String.valueOf(e.getMessage()).contains("rondo pack"), e.toString());
    }
  }

  private List<String> shards(String name) {
    return List.of(
        "data.shuffle=shards",
        "data.train=[{path: " + folder.resolve(name).resolve("shards") + "}]",
        "checkpoint.every=1");
  }

  @Test
  void aStreamReadsNoFurtherThanTheRunGoes() throws Exception {
    var run = new TinyRun(folder);
    Files.writeString(folder.resolve("rows.jsonl"), "{\n", java.nio.file.StandardOpenOption.APPEND);
    try (var device = device(1)) {
      var few = List.of("steps=8", "data.shuffle=false");
      assertEquals(8, run.run(device, few, Listener.none()).size(), "32 rows of 40");
      var e =
          assertThrows(
              rondo.data.DataException.class,
              () -> run.run(device, List.of("out=" + folder.resolve("all")), Listener.none()));
      assertTrue(String.valueOf(e.getMessage()).contains("line 41"), e.toString());
    }
  }

  @Test
  void everyCheckpointHasTheTokenizerThatTheRunBeganWith() throws Exception {
    var run = new TinyRun(folder);
    var from = Files.createDirectories(folder.resolve("words"));
    TokenizerFiles.write(new rondo.data.tokenizer.ByteTokenizer(), from);
    var first = Files.readAllBytes(from.resolve("tokenizer.json"));
    var changing =
        new Listener() {
          @Override
          public void note(String line) {}

          @Override
          public void started(long step, long steps) {
            remove(from);
          }

          @Override
          public void step(StepReport report) {}
        };
    try (var device = device(1)) {
      run.run(device, List.of("data.tokenizer=" + from), changing);
    }
    for (var step : List.of("step-6", "step-9", "step-12")) {
      var saved = run.out().resolve(step).resolve("tokenizer.json");
      assertArrayEquals(first, Files.readAllBytes(saved));
    }
  }

  private static void remove(Path from) {
    try {
      Files.delete(from.resolve("tokenizer.json"));
      Files.delete(from.resolve("tokenizer_config.json"));
    } catch (IOException e) {
      throw new java.io.UncheckedIOException(e);
    }
  }

  @Test
  void theNewestWholeCheckpointWinsAndABrokenOneIsTold() throws Exception {
    var run = new TinyRun(folder);
    var notes = new ArrayList<String>();
    try (var device = device(1)) {
      run.run(device);
      var newest = run.out().resolve("step-12/model.safetensors");
      var bytes = Files.readAllBytes(newest);
      Files.write(newest, java.util.Arrays.copyOf(bytes, bytes.length / 2));
      Files.createDirectories(run.out().resolve(".step-15.tmp"));
      var again = new ArrayList<Long>();
      run.run(
          device,
          List.of(),
          new Listener() {
            @Override
            public void note(String line) {
              notes.add(line);
            }

            @Override
            public void started(long step, long steps) {
              again.add(step);
            }

            @Override
            public void step(StepReport report) {}
          });
      assertEquals(List.of(9L), again);
    }
    assertTrue(notes.getFirst().contains("is not whole"), notes.toString());
    assertTrue(notes.getFirst().contains("model.safetensors has"), notes.toString());
    assertTrue(notes.get(1).endsWith("step-12: removed, as it is not whole"), notes.toString());
    assertTrue(notes.get(2).contains("goes on from"), notes.toString());
    assertFalse(Files.exists(run.out().resolve(".step-15.tmp")), "left by a killed process");
  }

  @Test
  void brokenNewerCheckpointsDoNotCostTheOneThatIsWritten() throws Exception {
    var run = new TinyRun(folder);
    var one = List.of("checkpoint.every=1", "checkpoint.keep=1");
    try (var device = device(1)) {
      assertThrows(Killed.class, () -> run.run(device, one, killAt(3)));
      Files.createDirectories(run.out().resolve("step-9"));
      Files.writeString(run.out().resolve("step-9/config.json"), "{}");
      assertThrows(Killed.class, () -> run.run(device, one, killAt(4)));
      assertTrue(Files.exists(run.out().resolve("step-4/checkpoint.json")));
      assertFalse(Files.exists(run.out().resolve("step-9")));
      assertEquals(TinyRun.STEPS - 4, run.run(device, one, Listener.none()).size());
    }
  }

  @Test
  void otherDataOfTheSameSizeIsNoticed() throws IOException {
    var run = new TinyRun(folder);
    Files.writeString(folder.resolve("rows.jsonl"), TinyRun.rows(40, 9, 23, 5));
    try (var device = device(1)) {
      run.run(device, List.of(), Listener.none());
      Files.writeString(folder.resolve("rows.jsonl"), TinyRun.rows(40, 9, 23, 6));
      var e = assertThrows(CheckpointException.class, () -> run.run(device));
      assertTrue(
          String.valueOf(e.getMessage()).contains("was trained on other data: it was [40 rows, "),
          String.valueOf(e.getMessage()));
      Files.writeString(folder.resolve("rows.jsonl"), TinyRun.rows(40, 9, 23, 5));
      assertEquals(0, run.run(device).size(), "and a run that failed to open locks nobody out");
    }
  }

  @Test
  void aCheckpointOfAnotherBuildIsGoneOnFromWithANote() throws IOException {
    var run = new TinyRun(folder);
    var notes = new ArrayList<String>();
    var listener =
        new Listener() {
          @Override
          public void note(String line) {
            notes.add(line);
          }

          @Override
          public void started(long step, long steps) {}

          @Override
          public void step(StepReport report) {}
        };
    try (var device = device(1)) {
      run.run(device);
      run.run(device, List.of(), listener);
      assertTrue(notes.stream().noneMatch(n -> n.contains("bits")), notes.toString());
      var manifest = run.out().resolve("step-12/checkpoint.json");
      var text = Files.readString(manifest);
      assertTrue(text.contains(device.build()) && text.contains("Java 25"), text);
      var build = device.build().isEmpty() ? "Java 25" : device.build();
      Files.writeString(manifest, text.replace(build, "another build"));
      run.run(device, List.of(), listener);
      assertTrue(notes.getLast().startsWith("not the same bits as before: "), notes.toString());
    }
  }

  @Test
  void aFolderTakesOneTrainerAtATime() throws IOException {
    var run = new TinyRun(folder);
    var recipe = Recipe.read(run.recipe, List.of());
    try (var device = device(1)) {
      try (var first = new Trainer(recipe, device, Listener.none())) {
        assertEquals(0, first.step());
        var e = assertThrows(IllegalArgumentException.class, () -> run.run(device));
        assertTrue(
            String.valueOf(e.getMessage()).contains("another process is training there"),
            String.valueOf(e.getMessage()));
      }
      assertEquals(TinyRun.STEPS, run.run(device).size());
    }
  }

  /** Whether the stop comes at a step that is validated (3) or between two (5). */
  @ParameterizedTest
  @ValueSource(longs = {3, 5})
  void aStoppedRunGetsTheLinesOfOneThatWasNot(long stop) throws IOException {
    var held = folder.resolve("held.jsonl");
    Files.writeString(held, TinyRun.rows(3, 9, 23, 6));
    var validated = List.of("data.validation={path: " + held + "}");
    var whole = new TinyRun(folder.resolve("whole"));
    var run = new TinyRun(folder.resolve("stopped"));
    try (var device = device(1)) {
      whole.run(device, validated, Listener.none());
      var trainers = new ArrayList<Trainer>();
      var listener =
          new Listener() {
            @Override
            public void note(String line) {}

            @Override
            public void started(long step, long steps) {}

            @Override
            public void step(StepReport report) {
              if (report.step() == stop - 2) {
                trainers.getFirst().stop("test");
              }
            }
          };
      try (var trainer = new Trainer(Recipe.read(run.recipe, validated), device, listener)) {
        trainers.add(trainer);
        trainer.run();
        assertEquals(stop, trainer.step());
      }
      assertEquals(lines(whole).subList(0, (int) stop - 1), lines(run).subList(0, (int) stop - 1));
      assertFalse(lines(run).getLast().contains("validation"), "a stop waits for nothing");
      run.run(device, validated, Listener.none());
    }
    assertEquals(lines(whole), lines(run));
    assertEquals(4, lines(run).stream().filter(line -> line.contains("validation")).count());
  }

  /** The lines of a run, all but their speed. */
  private static List<String> lines(TinyRun run) throws IOException {
    return Files.readAllLines(run.out().resolve("metrics.jsonl")).stream()
        .map(line -> line.replaceAll("\"tokens_per_second\":[^,]*,", ""))
        .toList();
  }

  @Test
  void onlyTheNewestCheckpointsAreKept() throws IOException {
    var run = new TinyRun(folder);
    try (var device = device(1)) {
      run.run(device, List.of("checkpoint.keep=2"), Listener.none());
    }
    assertFalse(Files.exists(run.out().resolve("step-6")));
    assertTrue(Files.exists(run.out().resolve("step-9")));
    assertTrue(Files.exists(run.out().resolve("step-12")));
  }

  @Test
  void aCheckpointOfAnotherRecipeIsRefusedWithTheDifferenceNamed() throws IOException {
    var run = new TinyRun(folder);
    try (var device = device(1)) {
      run.run(device);
      var e =
          assertThrows(
              CheckpointException.class,
              () -> run.run(device, List.of("optimizer.lr=0.02"), Listener.none()));
      assertTrue(
          String.valueOf(e.getMessage()).contains("optimizer.lr was 0.01 and is 0.02"),
          String.valueOf(e.getMessage()));
    }
  }

  @Test
  void askedToStopARunWritesACheckpointAndGoesOnLater() throws IOException {
    var run = new TinyRun(folder);
    try (var device = device(1)) {
      var trainers = new ArrayList<Trainer>();
      var listener =
          new Listener() {
            @Override
            public void note(String line) {}

            @Override
            public void started(long step, long steps) {}

            @Override
            public void step(StepReport report) {
              if (report.step() == 3) {
                trainers.getFirst().stop("test");
              }
            }
          };
      try (var trainer = new Trainer(Recipe.read(run.recipe, List.of()), device, listener)) {
        trainers.add(trainer);
        trainer.run();
        assertEquals(5, trainer.step(), "the stop is seen after the step that follows");
      }
      assertEquals(TinyRun.STEPS - 5, run.run(device).size());
    }
  }

  @Test
  void gradientAccumulationGivesTheLossesOfOneLargeBatch() throws IOException {
    var fixed =
        List.of(
            "depth.sampler=fixed",
            "depth.state=zero",
            "data.shuffle=false",
            "steps=4",
            "optimizer.newton_schulz.precision=f32");
    try (var device = device(2)) {
      var one = new TinyRun(folder.resolve("one")).run(device, fixed, Listener.none());
      var micro = new ArrayList<>(fixed);
      micro.add("batch.micro=2");
      var two = new TinyRun(folder.resolve("two")).run(device, micro, Listener.none());
      for (int i = 0; i < one.size(); i++) {
        assertEquals(one.get(i).loss(), two.get(i).loss(), 5e-5, "step " + i);
        assertEquals(one.get(i).gradNorm(), two.get(i).gradNorm(), 1e-3, "step " + i);
      }
    }
  }
}
