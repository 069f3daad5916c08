package rondo.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ChartsTest {
  private static final List<Double> DEPTHS = List.of(1.0, 2.0, 4.0, 8.0);

  @TempDir Path folder;

  private int colours(Charts.Figure figure) throws IOException {
    var png = folder.resolve("figure.png");
    Charts.write(figure, png);
    var image = ImageIO.read(png.toFile());
    assertEquals(1600, image.getWidth());
    assertEquals(1000, image.getHeight());
    var colours = new HashSet<Integer>();
    for (int y = 0; y < 1000; y++) {
      for (int x = 0; x < 1600; x++) {
        colours.add(image.getRGB(x, y));
      }
    }
    return colours.size();
  }

  @Test
  void linesAndLevelsAreDrawn() throws IOException {
    var lines = List.of(new Charts.Line("retrofit", DEPTHS, List.of(3.0, 2.5, 2.3, 2.2)));
    var levels = List.of(new Charts.Level("base", 2.25));
    assertTrue(colours(Charts.loss("Loss", "of a test", lines, levels)) > 50);
  }

  @Test
  void levelsAloneAndFlatOrMissingValuesAreDrawn() throws IOException {
    assertTrue(colours(Charts.loss("Loss", "", List.of(), List.of(new Charts.Level("b", 2)))) > 10);
    var flat = new Charts.Line("flat", DEPTHS, List.of(1.0, 1.0, 1.0, 1.0));
    assertTrue(colours(Charts.loss("Loss", "", List.of(flat), List.of())) > 10);
    var single = new Charts.Line("a point", List.of(8.0), List.of(1.0));
    assertTrue(colours(Charts.loss("Loss", "", List.of(single), List.of())) > 10);
    var name = "a name that is far too long for the margin of any picture that people look at";
    var broken = new Charts.Line(name, DEPTHS, List.of(1.0, 2.0, 3.0, Double.NaN));
    assertTrue(colours(Charts.accuracy("Accuracy", "", List.of(broken), List.of())) > 10);
  }

  @Test
  void nothingCannotBeDrawn() {
    assertThrows(
        IllegalArgumentException.class, () -> Charts.loss("Loss", "", List.of(), List.of()));
  }
}
