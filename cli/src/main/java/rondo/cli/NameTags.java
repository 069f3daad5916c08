package rondo.cli;

import java.awt.Color;
import java.awt.Font;
import java.awt.FontMetrics;
import java.awt.Graphics2D;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Stream;
import org.knowm.xchart.XYChart;

/** Names at the ends of lines: a legend that covers nothing and needs no search. */
final class NameTags {
  private static final Font FONT = Palette.font(Font.BOLD, 23);

  private NameTags() {}

  /** A name beside the end of its line. */
  private static final class Tag {
    final String text;
    final Color color;
    double y;

    Tag(String text, Color color, double y) {
      this.text = text;
      this.color = color;
      this.y = y;
    }
  }

  /** The width of the widest name. */
  static int width(Graphics2D g, Charts.Figure figure) {
    var metrics = g.getFontMetrics(FONT);
    return Stream.concat(
            figure.lines().stream().map(Charts.Line::name),
            figure.levels().stream().map(Charts.Level::name))
        .mapToInt(metrics::stringWidth)
        .max()
        .orElse(0);
  }

  /**
   * Draws the names.
   *
   * @param top where the chart's own picture begins
   * @param right where the whole picture ends
   */
  static void draw(Graphics2D g, Charts.Figure figure, XYChart chart, int top, int right) {
    g.setFont(FONT);
    var metrics = g.getFontMetrics();
    var tags = new ArrayList<Tag>();
    for (int i = 0; i < figure.lines().size(); i++) {
      var line = figure.lines().get(i);
      add(tags, line.name(), Palette.color(figure, i), chart, line.values().getLast(), top);
    }
    for (var level : figure.levels()) {
      add(tags, level.name(), Palette.GREY, chart, level.value(), top);
    }
    spread(tags, metrics.getHeight() + 4, top + metrics.getHeight());
    int x = (int) chart.getScreenXFromChart(Charts.lastLog(figure)) + 26;
    for (var tag : tags) {
      g.setColor(Palette.mix(tag.color, Palette.INK, 0.15)); // letters are thinner than lines
      int base = (int) tag.y + metrics.getAscent() / 2 - 3;
      g.drawString(fit(tag.text, metrics, right - x - 12), x, base);
    }
  }

  private static void add(
      List<Tag> tags, String name, Color color, XYChart chart, double value, int top) {
    if (Double.isFinite(value)) {
      tags.add(new Tag(name, color, top + chart.getScreenYFromChart(value)));
    }
  }

  /** Moves names apart until none covers another, each as near to its line as that allows. */
  private static void spread(List<Tag> tags, double gap, double top) {
    tags.sort(Comparator.comparingDouble(tag -> tag.y));
    for (int pass = 0; pass < 200; pass++) {
      for (int i = 1; i < tags.size(); i++) {
        double lack = gap - (tags.get(i).y - tags.get(i - 1).y);
        if (lack > 0) {
          tags.get(i).y += lack / 2;
          tags.get(i - 1).y -= lack / 2;
        }
      }
      if (!tags.isEmpty()) {
        tags.getFirst().y = Math.max(top, tags.getFirst().y);
      }
    }
  }

  /** A text, cut where it is wider than that. */
  static String fit(String text, FontMetrics metrics, int width) {
    var shown = text;
    while (metrics.stringWidth(shown) > width && shown.length() > 2) {
      shown = shown.substring(0, shown.length() - 2) + "…";
    }
    return shown;
  }
}
