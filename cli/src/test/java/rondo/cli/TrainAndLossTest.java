package rondo.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static rondo.cli.Called.rondo;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TrainAndLossTest {
  @TempDir Path folder;
  private Path recipe = Path.of("");
  private Path data = Path.of("");

  @BeforeEach
  void writeRecipe() throws IOException {
    var model = TinyModels.recurrent(folder.resolve("model"));
    data = TinyModels.data(folder.resolve("rows.jsonl"), 12, 9);
    recipe =
        Files.writeString(
            folder.resolve("recipe.yaml"),
            """
            model: %s
            out: %s
            data:
              train: [ {path: %s} ]
              validation: {path: %s, rows: 4}
              sequence_length: 8
            batch: {sequences: 4, micro: 2}
            steps: 4
            depth: {mean: 4, backprop: 2, sampler: fixed}
            checkpoint: {every: 2, keep: 1}
            """
                .formatted(model, folder.resolve("run"), data, data));
  }

  @Test
  void aRunIsTrainedMeasuredAndNotDoneTwice() {
    var run = rondo("train", recipe, "--json");
    var json = run.json();
    assertEquals(4, json.path("step").asInt());
    assertEquals(4 * 4 * 8, json.path("tokens").asInt());
    assertTrue(json.path("checkpoint").asString().endsWith("step-4"));
    assertTrue(run.err().contains("validation loss: r 1 "), run.err());
    assertTrue(Files.exists(folder.resolve("run/metrics.jsonl")));

    var again = rondo("train", recipe).works();
    assertTrue(again.err().contains("all 4 steps are done already"), again.err());
    assertTrue(again.out().contains("4 of 4"), again.out());

    var loss =
        rondo(
                "loss",
                "--model",
                folder.resolve("run"),
                "--data",
                data,
                "--recurrences",
                "1,2,4",
                "--initial-state",
                "zero",
                "--json")
            .json();
    assertEquals(3, loss.path("losses").size());
    assertEquals(12 * 8, loss.path("tokens").asInt());
    assertEquals(4, loss.path("losses").path(2).path("recurrences").asInt());
  }

  @Test
  void aCheckpointKeepsWhatARetrofitKeeps() throws IOException {
    Files.writeString(folder.resolve("model/generation_config.json"), "{}");
    Files.writeString(folder.resolve("model/tokenizer.model"), "pieces");
    rondo("train", recipe, "steps=1").works();
    var made = folder.resolve("run/step-1");
    assertEquals("{}", Files.readString(made.resolve("generation_config.json")));
    assertEquals("pieces", Files.readString(made.resolve("tokenizer.model")));
  }

  @Test
  void aPlanFollowsARecipe() {
    var json = rondo("plan", "--recipe", recipe, "--json").json();
    assertEquals(2, json.path("step").path("frozen").asInt());
    assertEquals(4 * 32, json.path("run").path("tokens").asInt());
  }

  @Test
  void lossesAreDrawn() throws IOException {
    var png = folder.resolve("loss.png");
    var text =
        rondo("loss", "--model", folder.resolve("model"), "--data", data, "--plot", png).works();
    assertEquals(4, text.out().lines().filter(line -> line.matches("(1|2|4|rec).*")).count());
    assertEquals(1600, ImageIO.read(png.toFile()).getWidth());
  }

  @Test
  void severalModelsAreComparedUnderTheirNames() throws IOException {
    rondo("train", recipe, "steps=1").works();
    var model = folder.resolve("model");
    var fixed = TinyModels.fixed(folder.resolve("fixed"));
    var png = folder.resolve("all.png");
    var alone = rondo("loss", "--model", model, "--data", data, "--json").json();
    Object[] call = {
      "loss",
      "--model",
      model,
      "--model",
      "after=" + folder.resolve("run"),
      "--model",
      fixed,
      "--data",
      data,
      "--plot",
      png
    };
    var text = rondo(call).works();
    assertTrue(text.out().contains("fixed depth"), text.out());
    assertTrue(text.out().contains("r = 4"), text.out());
    assertTrue(text.out().lines().anyMatch(line -> line.startsWith("after")), text.out());
    assertEquals(1600, ImageIO.read(png.toFile()).getWidth());

    var more = Arrays.copyOf(call, call.length + 1);
    more[call.length] = "--json";
    var models = rondo(more).json().path("models");
    assertEquals(3, models.size());
    assertEquals("model", models.path(0).path("name").asString());
    assertEquals("after", models.path(1).path("name").asString());
    assertEquals(alone.path("losses"), models.path(0).path("losses"));
    assertNotEquals(alone.path("losses"), models.path(1).path("losses"));
    assertTrue(models.path(2).path("losses").path(0).path("recurrences").isNull());
  }

  @Test
  void wrongRecipesAndDataAreToldInOneLine() throws IOException {
    assertTrue(rondo("train", "none.yaml").wrong().contains("no such file"));
    var key = rondo("train", recipe, "batch.sequence=3").wrong();
    assertTrue(key.contains("batch.sequence") && key.contains("batch.sequences"), key);
    assertTrue(rondo("train", recipe, "steps=some").wrong().contains("steps"));
    assertTrue(rondo("train", recipe, "depth.mean").wrong().contains("key.path=value"));

    var empty = Files.writeString(folder.resolve("empty.jsonl"), "");
    var model = folder.resolve("model");
    assertTrue(rondo("loss", "--model", model, "--data", empty).wrong().contains("no "));
    assertTrue(
        rondo("loss", "--model", model, "--data", folder.resolve("x.jsonl"))
            .wrong()
            .contains("no such file"));
    var text = Files.writeString(folder.resolve("words.txt"), "some words");
    assertTrue(rondo("loss", "--model", model, "--data", text).wrong().contains("tokenizer"));
    assertTrue(
        rondo("loss", "--model", model, "--data", data, "--recurrences", "4,2")
            .wrong()
            .contains("increasing"));
    assertTrue(
        rondo("loss", "--model", model, "--data", data, "--sequence-length", 4)
            .wrong()
            .contains("sequence_length"));
    assertTrue(
        rondo("loss", "--model", model, "--data", data, "--plot", folder.resolve("no/x.png"))
            .wrong()
            .contains("--plot"));
  }
}
