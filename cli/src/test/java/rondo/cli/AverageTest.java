package rondo.cli;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static rondo.cli.Called.rondo;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import rondo.nn.checkpoint.CheckpointAverage;
import rondo.nn.checkpoint.SafetensorsFile;

class AverageTest {
  private static final String TENSOR = "transformer.wte.weight";

  @TempDir Path folder;
  private Path run = Path.of("");

  @BeforeEach
  void train() throws IOException {
    var model = TinyModels.recurrent(folder.resolve("model"));
    Files.writeString(model.resolve("tokenizer.model"), "pieces");
    var data = TinyModels.data(folder.resolve("rows.jsonl"), 12, 9);
    run = folder.resolve("run");
    var recipe =
        Files.writeString(
            folder.resolve("recipe.yaml"),
            """
            model: %s
            out: %s
            data: {train: [{path: %s}], sequence_length: 8}
            batch: {sequences: 4}
            steps: 7
            depth: {mean: 4, backprop: 2}
            optimizer: {name: adamw, lr: 0.01}
            checkpoint: {every: 1, keep: 99}
            """
                .formatted(model, run, data));
    rondo("train", recipe).works();
  }

  private static float[] read(Path model, String tensor) {
    try (var file = SafetensorsFile.open(model.resolve("model.safetensors"))) {
      return Objects.requireNonNull(file.tensors().get(tensor), tensor).readFloats();
    }
  }

  private void assertAverage(Path made, double[] shares, int... steps) {
    var names = new ArrayList<String>();
    try (var file = SafetensorsFile.open(made.resolve("model.safetensors"))) {
      names.addAll(file.tensors().keySet());
    }
    assertTrue(names.contains(TENSOR), names.toString());
    for (var name : names) {
      var found = read(made, name);
      var sum = new double[found.length];
      for (int k = 0; k < steps.length; k++) {
        var values = read(run.resolve("step-" + steps[k]), name);
        for (int i = 0; i < sum.length; i++) {
          sum[i] += shares[k] * values[i];
        }
      }
      var expected = new float[sum.length];
      for (int i = 0; i < sum.length; i++) {
        expected[i] = (float) sum[i];
      }
      assertArrayEquals(expected, found, name);
    }
  }

  @Test
  void aRunIsAveragedWithEqualWeights() throws IOException {
    var out = folder.resolve("mean");
    var json = rondo("average", run, "--out", out, "--json").json();
    assertEquals(7, json.path("checkpoints").size());
    double seventh = 1.0 / 7;
    assertAverage(
        out,
        new double[] {seventh, seventh, seventh, seventh, seventh, seventh, seventh},
        1,
        2,
        3,
        4,
        5,
        6,
        7);
    assertEquals("pieces", Files.readString(out.resolve("tokenizer.model")));
    assertEquals(
        Files.readString(run.resolve("step-7/config.json")),
        Files.readString(out.resolve("config.json")));
    rondo(
            "logits",
            "--model",
            out,
            "--token-ids",
            "1,2",
            "--recurrences",
            2,
            "--out",
            folder.resolve("l.safetensors"))
        .works();
  }

  @Test
  void anExponentialAverageOfSomeIsTheRecurrenceItself() {
    var out = folder.resolve("ema");
    rondo("average", run, "--last", 3, "--dilation", 2, "--ema", 0.9, "--out", out).works();
    // e = x3; e = 0.9 e + 0.1 x5; e = 0.9 e + 0.1 x7
    assertAverage(out, CheckpointAverage.exponential(3, 0.9), 3, 5, 7);
    assertArrayEquals(new double[] {0.81, 0.09, 0.1}, CheckpointAverage.exponential(3, 0.9), 1e-15);
    assertArrayEquals(new double[] {1}, CheckpointAverage.exponential(1, 0.9), 0);
    double sum = 0;
    for (double w : CheckpointAverage.exponential(75, 0.9)) {
      sum += w;
    }
    assertEquals(1, sum, 1e-12);
  }

  @Test
  void weightsCountByTheirRelationAndOrder() throws IOException {
    var out = folder.resolve("both");
    rondo(
            "average",
            run.resolve("step-6"),
            run.resolve("step-2"),
            "--weights",
            "3,1",
            "--out",
            out,
            "--precision",
            "f32")
        .works();
    assertAverage(out, new double[] {0.75, 0.25}, 6, 2);
    var low = folder.resolve("low");
    rondo("average", out, "--out", low, "--precision", "bf16").works();
    assertTrue(Files.readString(low.resolve("config.json")).contains("bfloat16"));
    var exact = read(out, TENSOR);
    var rounded = read(low, TENSOR);
    for (int i = 0; i < exact.length; i++) {
      assertEquals(exact[i], rounded[i], Math.abs(exact[i]) / 256);
    }
    assertTrue(
        Files.size(low.resolve("model.safetensors"))
            < 0.6 * Files.size(out.resolve("model.safetensors")));
  }

  @Test
  void wrongCallsAreToldInOneLine() throws IOException {
    var out = folder.resolve("wrong");
    for (var wrong :
        List.of(
            List.of("nowhere", "no such folder"),
            List.of(folder.toString(), "neither a model's folder nor a run's"),
            List.of(run.toString(), "--last", "9", "--last 9: there are 7"),
            List.of(run.toString(), "--weights", "1,2", "expected 7 numbers"),
            List.of(run.toString(), "--ema", "1.5", "a number from 0 to 1"),
            List.of(run.toString(), "--ema", "0.5", "--weights", "1", "expected one of them"),
            List.of(run.toString(), "--dilation", "0", "--dilation 0"),
            List.of(run.toString(), "--precision", "f16", "expected f32 or bf16"))) {
      var words = new ArrayList<Object>(List.of("average", "--out", out));
      words.addAll(wrong.subList(0, wrong.size() - 1));
      var line = rondo(words.toArray()).wrong();
      assertTrue(line.contains(wrong.getLast()), line);
    }
    var other = TinyModels.fixed(folder.resolve("other"));
    var line = rondo("average", run, other, "--out", out).wrong();
    assertTrue(line.contains("is missing"), line);
    assertFalse(Files.exists(out.resolve("model.safetensors")), line);
    assertTrue(rondo("average", run, "--out", run).wrong().contains("is not empty"));
  }
}
