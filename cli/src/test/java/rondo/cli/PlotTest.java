package rondo.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static rondo.cli.Called.rondo;

import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.IntStream;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class PlotTest {
  private static final int BLUE = 0x0072b2;
  private static final int ORANGE = 0xd55e00;

  @TempDir Path folder;

  /** Lines as training writes them, with a key that is not known here. */
  private Path run(String name, int steps, boolean diagnosed) throws IOException {
    var lines = new ArrayList<String>();
    for (int i = 0; i < steps; i++) {
      var more =
          i % 10 == 9 || i == steps - 1
              ? ", \"validation\": {\"1\": %s, \"2\": 2.5, \"4\": 2.25}".formatted(3.0 - 1e-3 * i)
                  + (diagnosed
                      ? ", \"diagnostics\": {\"token_correlation\": {\"1\": 0.1, \"2\": 0.2},"
                          + " \"state_norm\": {\"1\": 3, \"2\": 4},"
                          + " \"relative_residual\": {\"1\": 0.5, \"2\": 0.1}}"
                      : "")
              : "";
      lines.add(
          String.format(
              Locale.ROOT,
              "{\"step\": %d, \"loss\": %f, \"grad_norm\": %f, \"lr\": 1e-3, \"mean_recurrence\":"
                  + " 4, \"frozen\": 2, \"tracked\": 2, \"tokens\": %d, \"flops\": %de9,"
                  + " \"unknown\": [1, {}]%s}",
              i,
              2 + 1.0 / (i + 1),
              1 + 1.0 / (i + 1),
              (i + 1) * 1024,
              i + 1,
              more));
    }
    var made = Files.createDirectories(folder.resolve(name));
    Files.write(made.resolve("metrics.jsonl"), lines);
    return made;
  }

  private static List<String> panels(Called called) {
    return called.json().path("panels").valueStream().map(n -> n.asString()).toList();
  }

  private static Map<Integer, Integer> colours(Path png) throws IOException {
    BufferedImage image = ImageIO.read(png.toFile());
    var counts = new HashMap<Integer, Integer>();
    for (int y = 0; y < image.getHeight(); y++) {
      for (int x = 0; x < image.getWidth(); x++) {
        counts.merge(image.getRGB(x, y) & 0xffffff, 1, Integer::sum);
      }
    }
    return counts;
  }

  @Test
  void aRunHasAPanelForAllThatItMeasured() throws IOException {
    var run = run("heal", 60, true);
    assertEquals(
        List.of(
            "training loss",
            "training loss",
            "training loss",
            "depth: mean, frozen (dashed), tracked (dotted)",
            "gradient norm, before clipping",
            "learning rate",
            "validation loss over depth, last",
            "validation loss at most recurrences",
            "token correlation, last",
            "state norm, last",
            "change of the state, last"),
        panels(rondo("plot", run, "--json")));
    assertTrue(colours(run.resolve("plot.png")).getOrDefault(BLUE, 0) > 5000);
    var less = run("less", 30, false);
    assertEquals(8, panels(rondo("plot", less, "--json")).size());
    assertEquals(6, panels(rondo("plot", less, "--x", "tokens", "--json")).size());
  }

  @Test
  void severalRunsAreDrawnTogether() throws IOException {
    var a = run("a/run", 60, true);
    var b = run("b/run", 5, false);
    var png = folder.resolve("both.png");
    var text = rondo("plot", a, b, "--out", png, "--x", "flops").works().out();
    assertTrue(text.contains("run     ") && text.contains("b/run"), text);
    var colours = colours(png);
    assertTrue(colours.getOrDefault(BLUE, 0) > 2000);
    assertTrue(colours.getOrDefault(ORANGE, 0) > 500);
    rondo("plot", "x=" + a, b, a.resolve("metrics.jsonl"), "--out", png).works();
    var many = new ArrayList<Object>(List.of("plot", "--out", png));
    IntStream.range(0, 9).forEach(i -> many.add("a rather long name of run " + i + "=" + a));
    rondo(many.toArray()).works();
  }

  @Test
  void aRunOfThisProgramIsDrawn() throws IOException {
    var model = TinyModels.recurrent(folder.resolve("model"));
    var data = TinyModels.data(folder.resolve("rows.jsonl"), 12, 9);
    var recipe =
        Files.writeString(
            folder.resolve("recipe.yaml"),
            """
            model: %s
            out: %s
            data: {train: [{path: %s}], validation: {path: %s}, sequence_length: 8}
            batch: {sequences: 4}
            steps: 6
            depth: {mean: 4, backprop: 2}
            checkpoint: {every: 2}
            """
                .formatted(model, folder.resolve("run"), data, data));
    rondo("train", recipe, "--device", "cpu").works();
    var found = panels(rondo("plot", folder.resolve("run"), "--json"));
    assertTrue(found.size() >= 8, found.toString());
    assertTrue(found.contains("validation loss over depth, last"), found.toString());
  }

  @Test
  void aTeachersDivergenceAndAveragedWeightsAreDrawn() throws IOException {
    var run = run("distilled", 40, false);
    var file = run.resolve("metrics.jsonl");
    Files.writeString(
        file,
        Files.readString(file)
            .replace("\"lr\":", "\"divergence\": 0.25, \"lr\":")
            .replace("\"validation\":", "\"validation_ema\": {\"4\": 2.0}, \"validation\":"));
    var found = panels(rondo("plot", run, "--json"));
    assertTrue(found.contains("divergence from the teacher"), found.toString());
    assertTrue(
        found.contains("validation loss at most recurrences, averaged weights dotted"),
        found.toString());
    var read = RunMetrics.read("r", run, _ -> {});
    assertEquals(40, read.over("step", "divergence").xs().size());
    assertEquals(List.of(2.0, 2.0, 2.0, 2.0), read.deepestOver("step", "validation_ema").ys());
  }

  @Test
  void aCutLineIsLeftOutAndTold() throws IOException {
    var run = run("cut", 20, false);
    var file = run.resolve("metrics.jsonl");
    var text = Files.readString(file);
    Files.writeString(file, text + "{\"step\": 20, \"lo");
    var called = rondo("plot", run).works();
    assertTrue(called.err().contains("left out 1 line that is no step"), called.err());
    assertTrue(called.err().contains("line 21"), called.err());
    assertTrue(called.out().contains("20"), called.out());
    Files.writeString(file, "\n\n" + text.replace("{\"step\": 3,", "{\"step\": \"x\","));
    assertTrue(rondo("plot", run).works().err().contains("line 6"));
  }

  @Test
  void missingValuesAndValidationAreNoFailure() throws IOException {
    var run = Files.createDirectories(folder.resolve("odd"));
    Files.writeString(
        run.resolve("metrics.jsonl"),
        """
        {"step": 0, "loss": null, "grad_norm": 0, "tokens": 8}
        {"step": 1, "loss": 2.5, "grad_norm": null, "lr": 0, "validation": {"0": 2.25}}
        {"step": 2, "loss": 2.5, "validation": {}, "diagnostics": 7}
        {"step": 2, "loss": 2.25, "validation": {"x": 1, "2": null}}
        """);
    var called = rondo("plot", run, "--json");
    assertEquals(2.25, called.json().path("runs").path(0).path("loss").asDouble());
    assertEquals(3, called.json().path("runs").path(0).path("steps").asInt());
    assertTrue(panels(called).contains("validation loss over depth, last"), "a level");
    Files.writeString(run.resolve("metrics.jsonl"), "{\"step\": 0}\n");
    assertTrue(rondo("plot", run).wrong().contains("nothing to draw"));
  }

  @Test
  void whatIsNoRunIsTold() throws IOException {
    assertTrue(rondo("plot", folder.resolve("none")).wrong().contains("none: no such run"));
    assertTrue(rondo("plot", folder).wrong().contains("has no metrics.jsonl"));
    var empty = Files.createDirectories(folder.resolve("empty"));
    Files.writeString(empty.resolve("metrics.jsonl"), "");
    assertTrue(rondo("plot", empty).wrong().contains("has no step"));
    Files.write(empty.resolve("metrics.jsonl"), new byte[] {(byte) 0xff, (byte) 0xfe, 10});
    assertTrue(rondo("plot", empty).wrong().contains("is no text"));
    var run = run("heal", 5, false);
    assertTrue(rondo("plot", run, "--x", "hours").wrong().contains("steps, tokens or flops"));
    assertTrue(rondo("plot", run, run).wrong().contains("expected --out"));
    var png = folder.resolve("both.png");
    assertTrue(rondo("plot", "a=" + run, "a=" + run, "--out", png).wrong().contains("two runs"));
    assertTrue(
        rondo("plot", run, "--out", folder.resolve("no/such.png"))
            .wrong()
            .contains("is not there"));
    assertFalse(Files.exists(png));
  }

  @ParameterizedTest
  @CsvSource({
    "0, 0",
    "1, 1",
    "500, 500",
    "1500, 1500",
    "12000, 12k",
    "1500000, 1.5M",
    "2000000000, 2B",
    "999999999999, 1T",
    "3e19, 3e19",
    "2.5e18, 2.5e18",
    "0.25, 0.25",
    "0.05, 0.05",
    "0.001, 1e-3",
    "5e-5, 5e-5",
    "-0.5, -0.5",
    "99999, 100k",
    "10, 10",
    "2.345, 2.35"
  })
  void numbersOnAxesAreShort(double value, String shown) {
    assertEquals(shown, Panel.compact(value));
  }

  @Test
  void meansKeepTheStartAndTheLevelOfTheEnd() {
    var points =
        new RunMetrics.Points(
            List.of(1.0, 2.0, 3.0, 4.0, 5.0, 6.0), List.of(9.0, 3.0, 3.0, 1.0, 2.0, 6.0));
    assertEquals(List.of(9.0, 5.0, 7.0 / 3, 2.0, 3.0, 4.0), points.smoothed(3).ys());
    assertEquals(points, points.smoothed(0));
    assertEquals(List.of(1.5, 3.5, 5.5), points.thinned(3).xs());
    assertEquals(List.of(6.0, 2.0, 4.0), points.thinned(3).ys());
    assertEquals(points, points.thinned(6));
  }
}
