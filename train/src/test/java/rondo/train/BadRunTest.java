package rondo.train;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import rondo.data.ParquetWriter;
import rondo.engine.device.Devices;

/** Bad input to a run: one line that says what, where and what was expected. */
class BadRunTest {
  @TempDir Path folder;

  private String error(TinyRun run, String... overrides) {
    try (var device = Devices.open("auto", 1)) {
      var e =
          assertThrows(
              RuntimeException.class, () -> run.run(device, List.of(overrides), Listener.none()));
      var message = String.valueOf(e.getMessage());
      assertEquals(1, message.lines().count(), message);
      return message;
    }
  }

  @Test
  void aTokenOutsideTheVocabularyIsNamedWithItsRow() throws IOException {
    var run = new TinyRun(folder);
    Files.writeString(
        folder.resolve("rows.jsonl"), "{\"input_ids\": [1, 2, 23, 4, 5, 6, 7, 8, 9]}\n");
    var message = error(run);
    assertTrue(message.contains("23") && message.contains("rows.jsonl"), message);
  }

  @Test
  void emptyDataIsNamed() throws IOException {
    var run = new TinyRun(folder);
    Files.writeString(folder.resolve("rows.jsonl"), "");
    var message = error(run);
    assertTrue(message.contains("rows.jsonl"), message);
  }

  @Test
  void wrongDataIsToldInOneLineBeforeTheFirstStep() throws Exception {
    var run = new TinyRun(folder);
    var broken = Files.write(folder.resolve("broken.parquet"), new byte[200]);
    for (var shuffle : List.of("true", "false", "shards")) {
      assertSaid(run, "broken.parquet: not a readable Parquet file", broken, shuffle);
    }
    var half = folder.resolve("half.parquet");
    try (var writer = new ParquetWriter(half)) {
      writer.add(new int[] {1, 2, 3, 4, 5, 6, 7, 8, 9});
      writer.write(folder.resolve("whole.parquet"));
    }
    var bytes = Files.readAllBytes(folder.resolve("whole.parquet"));
    Files.write(half, Arrays.copyOf(bytes, bytes.length / 2));
    assertSaid(run, "half.parquet: not a readable Parquet file", half, "true");
    var ragged =
        Files.writeString(
            folder.resolve("ragged.jsonl"),
            "{\"input_ids\": [1, 2]}\n{\"input_ids\": [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]}\n");
    assertSaid(
        run, "ragged.jsonl line 2: a packed row of 10 ids, expected at most", ragged, "true");
    var outside = folder.resolve("outside.parquet");
    try (var writer = new ParquetWriter(outside)) {
      writer.add(new int[] {1, 23});
      writer.write(outside);
    }
    for (var shuffle : List.of("true", "false", "shards")) {
      assertSaid(run, "row 1: input_ids[1] is 23, outside the model's vocab", outside, shuffle);
    }
    var column = Files.writeString(folder.resolve("column.jsonl"), "{\"story\": \"a\"}\n");
    assertSaid(run, "line 1: none of the columns input_ids, text, messages; there", column, "true");
    var message = error(run, "data.train=[]");
    assertTrue(message.contains("data.train: []: expected at least one {path: …}"), message);
    message = error(run, "data.train=[{path: " + column + ", weight: 0}]");
    assertTrue(message.contains("data.train[0].weight: 0.0: expected a positive"), message);
    var words = Files.createDirectories(folder.resolve("words"));
    TokenizerFiles.write(new rondo.data.tokenizer.ByteTokenizer(), words);
    var text = Files.writeString(folder.resolve("text.txt"), "some text");
    message = error(run, "data.train=[{path: " + text + "}]", "data.tokenizer=" + words);
    assertTrue(message.contains("has 258 tokens, more than the model's vocabulary of 23"), message);
    assertFalse(Files.exists(run.out().resolve("metrics.jsonl")));
  }

  private void assertSaid(TinyRun run, String part, Path data, String shuffle) {
    var message = error(run, "data.train=[{path: " + data + "}]", "data.shuffle=" + shuffle);
    assertTrue(message.contains(part), message);
  }

  @Test
  void rowsLongerThanTheModelsPositionsAreRefused() throws IOException {
    var message = error(new TinyRun(folder), "data.sequence_length=17");
    assertTrue(message.contains("at most the model's 16 positions"), message);
  }

  @Test
  void aModelThatIsNotThereIsNamed() throws IOException {
    var message = error(new TinyRun(folder), "model=" + folder.resolve("nowhere"), "init=weights");
    assertTrue(message.contains("nowhere"), message);
  }

  @Test
  void aLossThatIsNotFiniteStopsTheRunAndNamesTheStep() throws IOException {
    var message = error(new TinyRun(folder), "optimizer.lr=1e38", "optimizer.adamw.lr=1e38");
    assertTrue(message.startsWith("step ") && message.contains("is "), message);
  }

  @Test
  void validationDataThatIsNotThereIsToldBeforeTheFirstStep() throws IOException {
    var run = new TinyRun(folder);
    var message = error(run, "data.validation={path: " + folder.resolve("nowhere.jsonl") + "}");
    assertTrue(message.contains("nowhere.jsonl"), message);
    assertFalse(Files.exists(run.out().resolve("metrics.jsonl")));
    Files.writeString(folder.resolve("none.jsonl"), "");
    message = error(run, "data.validation={path: " + folder.resolve("none.jsonl") + "}");
    assertTrue(message.contains("none.jsonl"), message);
  }

  @Test
  void whatHappensToTheValidationFileAfterTheStartCostsNothing() throws IOException {
    var run = new TinyRun(folder);
    var file = Files.writeString(folder.resolve("held.jsonl"), TinyRun.rows(3, 9, 23, 6));
    var listener =
        new Listener() {
          private int validated;

          @Override
          public void note(String line) {}

          @Override
          public void started(long step, long steps) {
            assertTrue(file.toFile().delete());
          }

          @Override
          public void step(StepReport report) {}

          @Override
          public void validated(long step, List<LossOverDepth.Row> rows) {
            assertEquals(List.of(1, 2, 4), rows.stream().map(r -> r.recurrences()).toList());
            validated++;
          }
        };
    try (var device = Devices.open("auto", 1)) {
      run.run(device, List.of("data.validation={path: " + file + "}"), listener);
    }
    assertEquals(4, listener.validated);
  }

  @Test
  void aModelsFolderAsOutIsRefused() throws IOException {
    var message = error(new TinyRun(folder), "out=" + folder.resolve("shape"));
    assertTrue(message.startsWith("recipe: out: "), message);
    assertTrue(message.contains("is a model's folder (it holds config.json)"), message);
  }

  @Test
  void aFileAsOutIsRefused() throws IOException {
    var message = error(new TinyRun(folder), "out=" + folder.resolve("rows.jsonl"));
    assertTrue(message.contains("rows.jsonl: cannot be made: there is a file"), message);
  }

  private static Listener endingAfter(long step) {
    return new Listener() {
      @Override
      public void note(String line) {}

      @Override
      public void started(long first, long steps) {}

      @Override
      public void step(StepReport report) {
        if (report.step() == step) {
          throw new IllegalStateException("ended");
        }
      }
    };
  }

  /**
   * A file larger than the limit is a write that fails, as on a full disk: that of the weights, or,
   * with moments larger than them, that of the moments.
   */
  @ParameterizedTest
  @CsvSource({"20, model.safetensors, muon", "100, optimizer.safetensors, adamw"})
  void aFullDiskInTheMiddleOfACheckpointLosesNothing(int limit, String file, String optimizer)
      throws Exception {
    var run = new TinyRun(folder.resolve("full"));
    var whole = new TinyRun(folder.resolve("whole"));
    var chosen = List.of("optimizer={name: %s, lr: 0.003}".formatted(optimizer));
    try (var device = Devices.open("auto", 1)) {
      whole.run(device, chosen, Listener.none());
      assertThrows(IllegalStateException.class, () -> run.run(device, chosen, endingAfter(7)));
    }
    var process = ForkedRun.start(run.recipe, "ulimit -f " + limit, chosen.getFirst());
    var output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertEquals(ForkedRun.NOT_WRITTEN, process.waitFor(), output);
    assertEquals(1, output.lines().filter(line -> !line.startsWith("goes on")).count(), output);
    assertTrue(output.contains("step-7: cannot be written (older checkpoints are as"), output);
    assertTrue(output.contains("step-7/" + file + ": cannot write "), output);
    assertTrue(!output.contains(".tmp"), output);
    var started = new ArrayList<Long>();
    try (var device = Devices.open("auto", 1)) {
      run.run(
          device,
          chosen,
          new Listener() {
            @Override
            public void note(String line) {}

            @Override
            public void started(long step, long steps) {
              started.add(step);
            }

            @Override
            public void step(StepReport report) {}
          });
    }
    assertEquals(List.of(6L), started, "the checkpoint from before the disk was full");
    var expected = TinyRun.weights(whole.out());
    var weights = TinyRun.weights(run.out());
    for (int i = 0; i < expected.size(); i++) {
      assertArrayEquals(expected.get(i), weights.get(i));
    }
    try (var left = Files.list(run.out())) {
      assertEquals(0, left.filter(p -> p.getFileName().toString().endsWith(".tmp")).count());
    }
  }
}
