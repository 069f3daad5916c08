package rondo.train;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import rondo.engine.device.Devices;
import rondo.infer.Forward;
import rondo.nn.WeightFiles;
import tools.jackson.databind.ObjectMapper;

class DepthDiagnosticsTest {
  @TempDir Path folder;

  /** The mean correlation coefficient of all pairs of counted positions of a row, rows averaged. */
  private static double correlation(float[] state, int[] targets, int time) {
    int width = state.length / targets.length;
    double sum = 0;
    int rows = 0;
    for (int row = 0; row < targets.length; row += time) {
      double inRow = 0;
      int pairs = 0;
      for (int i = row; i < row + time; i++) {
        for (int j = row; j < row + time; j++) {
          if (i != j && targets[i] >= 0 && targets[j] >= 0) {
            inRow += cosine(state, i * width, j * width, width);
            pairs++;
          }
        }
      }
      if (pairs > 0) {
        sum += inRow / pairs;
        rows++;
      }
    }
    return sum / rows;
  }

  private static double cosine(float[] x, int a, int b, int width) {
    double meanA = 0;
    double meanB = 0;
    for (int c = 0; c < width; c++) {
      meanA += (double) x[a + c] / width;
      meanB += (double) x[b + c] / width;
    }
    double dot = 0;
    double squareA = 0;
    double squareB = 0;
    for (int c = 0; c < width; c++) {
      dot += (x[a + c] - meanA) * (x[b + c] - meanB);
      squareA += (x[a + c] - meanA) * (x[a + c] - meanA);
      squareB += (x[b + c] - meanB) * (x[b + c] - meanB);
    }
    return dot / Math.sqrt(squareA * squareB);
  }

  private static float[] random(int size, long seed) {
    var random = new SplittableRandom(seed);
    var values = new float[size];
    for (int i = 0; i < size; i++) {
      values[i] = (float) random.nextDouble(-1, 2);
    }
    return values;
  }

  @Test
  void theyAreWhatTheirFormulasSay() {
    int time = 5;
    int width = 7;
    int[] targets = {1, 2, 3, 4, 5, 6, -100, 7, -100, 8, -100, -100, -100, -100, -100};
    var before = random(targets.length * width, 1);
    var state = random(targets.length * width, 2);
    var diagnostics = new DepthDiagnostics(targets, time, before);
    diagnostics.next(state);
    var row = diagnostics.rows().getFirst();
    double norm = 0;
    double residual = 0;
    double relative = 0;
    int count = 0;
    for (int i = 0; i < targets.length; i++) {
      if (targets[i] >= 0) {
        double square = 0;
        double difference = 0;
        for (int c = i * width; c < (i + 1) * width; c++) {
          square += (double) state[c] * state[c];
          difference += Math.pow((double) state[c] - before[c], 2);
        }
        norm += Math.sqrt(square);
        residual += Math.sqrt(difference);
        relative += Math.sqrt(difference / square);
        count++;
      }
    }
    assertEquals(8, count);
    assertEquals(1, row.recurrences());
    assertEquals(norm / count, row.stateNorm(), 1e-12);
    assertEquals(residual / count, row.residual(), 1e-12);
    assertEquals(relative / count, row.relativeResidual(), 1e-12);
    assertEquals(correlation(state, targets, time), row.tokenCorrelation(), 1e-12);
    assertTrue(Math.abs(row.tokenCorrelation()) < 0.9);

    diagnostics.next(state);
    assertEquals(0, diagnostics.rows().get(1).residual(), "a fixed point");
    assertEquals(2, diagnostics.rows().get(1).recurrences());
  }

  @Test
  void tokensThatBecameOneHaveACorrelationOfOne() {
    var one = random(6, 3);
    var state = new float[4 * 6];
    for (int i = 0; i < state.length; i++) {
      int token = i / 6;
      state[i] = one[i % 6] * (1 + token) + token; // scaled and shifted, each token otherwise
    }
    var diagnostics = new DepthDiagnostics(new int[] {1, 1, 1, 1}, 4, new float[state.length]);
    diagnostics.next(state);
    assertEquals(1, diagnostics.rows().getFirst().tokenCorrelation(), 1e-6);
    diagnostics.next(new float[state.length]);
    assertEquals(0, diagnostics.rows().get(1).relativeResidual(), "nothing is divided by zero");
  }

  @Test
  void aRunTellsThemOfItsFirstBatchUpToTheMean() throws IOException {
    var run = new TinyRun(folder);
    var held = Files.writeString(folder.resolve("held.jsonl"), TinyRun.rows(3, 9, 23, 6));
    try (var device = Devices.open("auto", 1)) {
      run.run(
          device,
          List.of("data.validation={path: " + held + ", recurrences: [1, 6], every: 3}"),
          Listener.none());
      var json = new ObjectMapper();
      var lines = Files.readAllLines(run.out().resolve("metrics.jsonl"));
      var curriculum = Recipe.read(run.recipe, List.of()).depth().curriculum();
      assertEquals(
          curriculum.mean(2),
          json.readTree(lines.get(2)).path("diagnostics").path("state_norm").size(),
          "as deep as the curriculum is");
      var found = json.readTree(lines.getLast()).path("diagnostics");
      assertEquals(
          List.of("token_correlation", "state_norm", "recurrent_residual", "relative_residual"),
          List.copyOf(found.propertyNames()));
      assertEquals(4, found.path("token_correlation").size());

      // The same from the last weights: three rows of eight tokens in a batch of four.
      try (var weights = WeightFiles.load(run.out().resolve("step-12"), device);
          var forward = new Forward(weights, device, 4, 8)) {
        var tokens = new int[32];
        var targets = new int[32];
        java.util.Arrays.fill(targets, -100);
        var rows = new ArrayList<int[]>();
        for (var line : Files.readAllLines(held)) {
          var ids = json.readTree(line).path("input_ids");
          rows.add(ids.valueStream().mapToInt(id -> id.asInt()).toArray());
        }
        for (int i = 0; i < 24; i++) {
          tokens[i] = rows.get(i / 8)[i % 8];
          targets[i] = rows.get(i / 8)[i % 8 + 1];
        }
        device.write(forward.tokens(), tokens);
        forward.start();
        forward.randomState(7, 0);
        forward.recur();
        forward.recur();
        assertEquals(
            correlation(device.floats(forward.state()), targets, 8),
            found.path("token_correlation").path("2").asDouble(),
            1e-9);
      }
    }
  }

  private static Measured measured(double first, double last, double correlation) {
    var states = new ArrayList<DepthDiagnostics.Row>();
    for (int r = 1; r <= 4; r++) {
      states.add(new DepthDiagnostics.Row(r, correlation, 1, 1, 1));
    }
    return new Measured(
        List.of(
            new LossOverDepth.Row(1, first, 10),
            new LossOverDepth.Row(4, last, 10),
            new LossOverDepth.Row(16, 1, 10)),
        List.of(),
        states);
  }

  @Test
  void aModelThatDoesNotUseItsDepthIsWarnedOf() {
    assertTrue(measured(4, 3.9, 0.5).warning(4).isEmpty());
    assertEquals(
        "recurrences do not matter so far: validation loss 4.0000 at 1, 3.9990 at 4",
        measured(4, 3.999, 0.5).warning(4).orElseThrow());
    assertTrue(measured(4, 3.999, 0.5).warning(1).isEmpty(), "at a mean of one nothing can");
    assertTrue(measured(4, 3.9, 0.995).warning(4).orElseThrow().contains("(correlation 0.9950)"));
    assertTrue(Measured.NOTHING.warning(4).isEmpty());
  }
}
