package rondo.cli;

import java.awt.Color;
import java.awt.Font;

/** Colours and letters of pictures. */
final class Palette {
  static final Color INK = new Color(0x22, 0x26, 0x2b);
  static final Color GREY = new Color(0x6b, 0x72, 0x79);
  static final Color GRID = new Color(0xe4, 0xe7, 0xea);

  /** Okabe and Ito's colours, which colour-blind people can tell apart; the yellow is left out. */
  private static final Color[] UNORDERED = {
    new Color(0x00, 0x72, 0xb2),
    new Color(0xd5, 0x5e, 0x00),
    new Color(0x00, 0x9e, 0x73),
    new Color(0xcc, 0x79, 0xa7),
    new Color(0x56, 0xb4, 0xe9),
    new Color(0xe6, 0x9f, 0x00)
  };

  /** The ends of a scale for series that have an order, through {@link #MIDDLE}: darker is more. */
  private static final Color LOW = new Color(0x5c, 0xb8, 0x85);

  private static final Color MIDDLE = new Color(0x23, 0x8a, 0x9d);
  private static final Color HIGH = new Color(0x3b, 0x1f, 0x69);

  private Palette() {}

  static Font font(int style, int size) {
    return new Font(Font.SANS_SERIF, style, size);
  }

  /** The colour of a line of a figure. */
  static Color color(Charts.Figure figure, int line) {
    if (!figure.ordered()) {
      return UNORDERED[line % UNORDERED.length];
    }
    return ordered(line, figure.lines().size());
  }

  /**
   * The colour of one of so many: told apart as far as there are colours for it, else by a scale.
   */
  static Color color(int number, int count) {
    return count <= UNORDERED.length ? UNORDERED[number] : ordered(number, count);
  }

  private static Color ordered(int number, int count) {
    int steps = count - 1;
    double at = steps == 0 ? 1 : (double) number / steps;
    return at < 0.5 ? mix(LOW, MIDDLE, 2 * at) : mix(MIDDLE, HIGH, 2 * at - 1);
  }

  static Color mix(Color a, Color b, double part) {
    return new Color(
        mix(a.getRed(), b.getRed(), part),
        mix(a.getGreen(), b.getGreen(), part),
        mix(a.getBlue(), b.getBlue(), part));
  }

  private static int mix(int a, int b, double part) {
    return (int) Math.round(a + part * (b - a));
  }
}
