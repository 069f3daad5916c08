package rondo.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static rondo.cli.Called.rondo;

import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import rondo.engine.device.Devices;
import rondo.nn.checkpoint.BlockConfig;
import rondo.nn.checkpoint.BlockKind;
import rondo.nn.checkpoint.Rope;
import rondo.nn.depth.DepthSampler;
import rondo.train.Recipe;
import rondo.train.quickstart.Quickstart;
import rondo.train.quickstart.Scale;
import rondo.train.study.DepthStudy;
import rondo.train.study.ShellGame;
import rondo.train.study.Study;
import rondo.train.study.StudyConfig;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** The two large commands on models of a few thousand parameters. */
class QuickstartAndStudyTest {
  private static final Scale TINY =
      new Scale(20_000, 4, 16, 2, 1, 24, 16, 4, 2, 2, 2, 8, "0", "1-2", "3");

  @TempDir Path folder;

  private static StudyConfig study() {
    return new StudyConfig(
        new ShellGame(3),
        2,
        4,
        new BlockConfig(BlockKind.HUGINN, 8, 2, 2, 4, 12, 1e-6, new Rope(10_000, true, null)),
        DepthSampler.FIXED,
        2,
        2,
        4,
        3,
        Recipe.defaultOptimizer(),
        1,
        8,
        List.of(1, 2));
  }

  /** Runs the job as the command does and returns what it prints. */
  private String quickstart(boolean json) throws IOException {
    var text =
        Files.writeString(folder.resolve("text.txt"), "some words and some more\n".repeat(400));
    var out = new StringWriter();
    var err = new PrintWriter(new StringWriter());
    try (var device = Devices.open("auto", 1)) {
      var console = new Console(new PrintWriter(out, true), err, json);
      new QuickstartCommand.Job(console, device, folder, 1).run(TINY, text, study());
    }
    return out.toString();
  }

  @Test
  void theQuickstartPrintsTablesDrawsPicturesAndIsNotDoneTwice() throws IOException {
    var before = Locale.getDefault();
    String text;
    Locale.setDefault(Locale.GERMANY);
    try {
      text = quickstart(false);
    } finally {
      Locale.setDefault(before);
    }
    assertTrue(text.contains("validation loss in nats per byte"), text);
    assertTrue(text.contains("retrofit, healed"), text);
    assertTrue(text.contains("shell game: where is the ball"), text);
    assertTrue(!text.matches("(?s).*\\d,\\d\\d?\\D.*"), "decimal points in every locale: " + text);

    JsonNode json = JsonMapper.shared().readTree(quickstart(true));
    assertEquals(4, json.path("models").size());
    var losses = json.path("models").path(3).path("loss");
    assertEquals(Quickstart.DEPTHS.size(), losses.size());
    assertTrue(text.contains(Numbers.decimal(losses.path("16").asDouble(), 4)), text);
    assertEquals(2, json.path("shell_game").size());
    assertEquals(2, json.path("pictures").size());
    for (var picture : json.path("pictures")) {
      assertEquals(1600, ImageIO.read(Path.of(picture.asString()).toFile()).getWidth());
    }
  }

  @Test
  void theStudyWritesWhatItPrints() throws IOException {
    var out = new StringWriter();
    var err = new PrintWriter(new StringWriter());
    try (var device = Devices.open("auto", 1)) {
      var result = DepthStudy.run(study(), device, 1, progress -> {});
      var arms = List.of(new Study.Arm("tiny", "one run", List.of(result)));
      StudyCommand.report(
          new Console(new PrintWriter(out, true), err, false), device, folder, arms);
    }
    assertEquals(Files.readString(folder.resolve("study.md")).strip(), out.toString().strip());
    assertTrue(out.toString().contains("## tiny"), out.toString());
    assertTrue(JsonMapper.shared().readTree(folder.resolve("study.json").toFile()).has("device"));
  }

  @Test
  void aFileInPlaceOfTheFolderIsAWrongCall() throws IOException {
    var file = Files.writeString(folder.resolve("file"), "");
    for (var command : List.of("quickstart", "study")) {
      var line = rondo(command, "--out", file).wrong();
      assertTrue(line.contains("--out " + file + ": is a file, expected a folder"), line);
      line = rondo(command, "--out", file.resolve("below")).wrong();
      assertTrue(line.contains("cannot be made"), line);
    }
    assertTrue(rondo("study", "--seed", 1).wrong().contains("has its own seeds"));
  }
}
