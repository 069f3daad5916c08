package rondo.train.quickstart;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import rondo.engine.device.Devices;
import rondo.nn.checkpoint.CheckpointException;
import rondo.train.Listener;
import rondo.train.StepReport;

/** The whole job on a few kilobytes. */
class QuickstartTest {
  private static final Scale TINY =
      new Scale(20_000, 4, 16, 2, 1, 24, 16, 4, 4, 4, 2, 8, "0", "1-2", "3");

  @TempDir Path folder;

  /** Hears the parts and counts the steps. */
  private static final class Heard implements Quickstart.Watcher {
    private final List<String> parts = new ArrayList<>();
    private int steps;

    @Override
    public Listener part(String name) {
      parts.add(name);
      return new Listener() {
        @Override
        public void note(String line) {}

        @Override
        public void started(long step, long steps) {}

        @Override
        public void step(StepReport report) {
          steps++;
        }
      };
    }

    @Override
    public void note(String line) {}
  }

  private Quickstart.Result run(Path text, Heard heard) {
    try (var device = Devices.open("auto", 1)) {
      return new Quickstart(folder.resolve("out"), TINY, device, 1, heard).run(text);
    }
  }

  private Path text(String word) throws IOException {
    Files.createDirectories(folder.resolve("out"));
    return Files.writeString(
        folder.resolve("text.txt"), (word + " and some more of it\n").repeat(400));
  }

  @Test
  void aBaseIsTrainedCutHealedAndComparedAndNothingIsDoneTwice() throws IOException {
    var heard = new Heard();
    var result = run(text("words"), heard);
    assertTrue(heard.steps > 8, "base, healing and the base trained on");
    assertEquals(List.of("base", "healed", "continued"), heard.parts.subList(0, 3));
    assertEquals("text.txt", result.text());
    assertEquals(Quickstart.DEPTHS.size(), result.healed().rows().size());
    assertEquals(0, result.base().rows().getFirst().recurrences());
    assertEquals(result.base().rows(), result.base().rows());
    assertTrue(result.healed().flops() > result.base().flops());
    // As many FLOPs, to within half a step of the base.
    double step = result.base().flops() / TINY.baseSteps();
    assertEquals(result.healed().flops(), result.continued().flops(), 0.51 * step);

    var again = new Heard();
    assertEquals(result, run(text("words"), again));
    assertEquals(0, again.steps, "an interrupted job goes on, a finished one is read");
  }

  @Test
  void anotherTextOfTheSameSizeIsNoticed() throws IOException {
    run(text("words"), new Heard());
    var other = text("sword");
    var e = assertThrows(CheckpointException.class, () -> run(other, new Heard()));
    assertTrue(String.valueOf(e.getMessage()).contains("other data"), e.toString());
  }

  @Test
  void recipesAreTheSameInEveryLocale() throws IOException {
    var before = Locale.getDefault();
    Locale.setDefault(Locale.forLanguageTag("ar-EG-u-nu-arab"));
    try {
      run(text("words"), new Heard());
    } finally {
      Locale.setDefault(before);
    }
    var recipe = Files.readString(folder.resolve("out/healed.yaml"));
    assertTrue(recipe.contains("steps: 4\n"), recipe);
  }
}
