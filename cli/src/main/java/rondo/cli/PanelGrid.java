package rondo.cli;

import java.awt.BasicStroke;
import java.awt.Color;
import java.awt.Font;
import java.awt.Graphics2D;
import java.awt.RenderingHints;
import java.awt.image.BufferedImage;
import java.util.List;
import org.knowm.xchart.BitmapEncoder;
import org.knowm.xchart.XYChart;
import org.knowm.xchart.XYChartBuilder;
import org.knowm.xchart.style.markers.SeriesMarkers;

/** Panels side by side under one legend. */
final class PanelGrid {
  private static final int WIDTH = 800;
  private static final int HEIGHT = 560;
  private static final int TITLE = 54;
  private static final int MARGIN = 36;
  private static final int LINE = 44;

  /** Values from which on a few may lie outside the picture. */
  private static final int MANY = 200;

  private static final Font NAME = Palette.font(Font.BOLD, 26);

  private PanelGrid() {}

  /**
   * Draws panels.
   *
   * @param names of the runs, by the number that curves have
   */
  static BufferedImage image(List<String> names, List<Panel> panels) {
    int columns = Math.min(3, panels.size());
    int rows = Math.ceilDiv(panels.size(), columns);
    int width = columns * WIDTH + 2 * MARGIN;
    var ruler = new BufferedImage(1, 1, BufferedImage.TYPE_INT_RGB).createGraphics();
    int head = legend(ruler, names, width);
    ruler.dispose();
    int height = head + rows * (HEIGHT + TITLE) + MARGIN;
    var image = new BufferedImage(width, height, BufferedImage.TYPE_INT_RGB);
    var g = image.createGraphics();
    try {
      g.setRenderingHint(RenderingHints.KEY_ANTIALIASING, RenderingHints.VALUE_ANTIALIAS_ON);
      g.setRenderingHint(
          RenderingHints.KEY_TEXT_ANTIALIASING, RenderingHints.VALUE_TEXT_ANTIALIAS_ON);
      g.setColor(Color.WHITE);
      g.fillRect(0, 0, width, height);
      legend(g, names, width);
      for (int i = 0; i < panels.size(); i++) {
        int x = MARGIN + i % columns * WIDTH;
        int y = head + i / columns * (HEIGHT + TITLE);
        g.setColor(Palette.INK);
        g.setFont(Palette.font(Font.BOLD, 27));
        g.drawString(panels.get(i).title(), x + 24, y + 40);
        var chart = chart(panels.get(i), names.size());
        g.drawImage(BitmapEncoder.getBufferedImage(chart), x, y + TITLE, null);
      }
    } finally {
      g.dispose();
    }
    return image;
  }

  /** Draws the names of the runs, as many in a line as fit; the height that they take. */
  private static int legend(Graphics2D g, List<String> names, int width) {
    var metrics = g.getFontMetrics(NAME);
    int x = MARGIN + 24;
    int y = MARGIN + LINE / 2;
    for (int i = 0; i < names.size(); i++) {
      var name = NameTags.fit(names.get(i), metrics, width - 2 * MARGIN - 120);
      int needed = 60 + metrics.stringWidth(name) + 50;
      if (x > MARGIN + 24 && x + needed > width - MARGIN) {
        x = MARGIN + 24;
        y += LINE;
      }
      var color = Palette.color(i, names.size());
      g.setColor(color);
      g.fillRoundRect(x, y - 5, 44, 10, 10, 10);
      g.setColor(Palette.mix(color, Palette.INK, 0.15));
      g.setFont(NAME);
      g.drawString(name, x + 58, y + 9);
      x += needed;
    }
    return y + LINE;
  }

  private static XYChart chart(Panel panel, int runs) {
    var chart =
        new XYChartBuilder()
            .width(WIDTH)
            .height(HEIGHT)
            .xAxisTitle(panel.x().title())
            .yAxisTitle(panel.y().title())
            .build();
    var s = chart.getStyler();
    Charts.look(s, 20);
    s.setMarkerSize(11);
    s.setYAxisTickMarkSpacingHint(80);
    s.setXAxisTickLabelsFormattingFunction(panel.x().scale()::tick);
    s.setYAxisTickLabelsFormattingFunction(panel.y().scale()::tick);
    range(chart, panel);
    for (int i = 0; i < panel.curves().size(); i++) {
      var curve = panel.curves().get(i);
      var series = chart.addSeries("" + i, curve.points().xs(), curve.points().ys());
      var color = Palette.color(curve.run(), runs);
      boolean faint = curve.stroke() == Panel.Stroke.FAINT;
      series.setLineColor(faint ? Palette.mix(color, Color.WHITE, 0.7) : color);
      series.setMarkerColor(color);
      boolean alone = curve.points().xs().size() == 1;
      series.setMarker(
          alone || curve.stroke() == Panel.Stroke.MARKED
              ? SeriesMarkers.CIRCLE
              : SeriesMarkers.NONE);
      series.setLineStyle(stroke(curve.stroke()));
    }
    // XChart puts ticks on values that are equally spaced, as close as they are: one lies between.
    double between = s.getXAxisMin() + (s.getXAxisMax() - s.getXAxisMin()) / Math.E;
    chart
        .addSeries("ticks", new double[] {between}, new double[] {s.getYAxisMin()})
        .setMarker(SeriesMarkers.NONE);
    return chart;
  }

  private static BasicStroke stroke(Panel.Stroke stroke) {
    return switch (stroke) {
      case LINE, MARKED -> round(3.5f);
      case FAINT -> round(1.5f);
      case DASHED -> broken(14, 9);
      case DOTTED -> broken(3, 7);
    };
  }

  private static BasicStroke round(float width) {
    return new BasicStroke(width, BasicStroke.CAP_ROUND, BasicStroke.JOIN_ROUND);
  }

  private static BasicStroke broken(float on, float off) {
    return new BasicStroke(
        2.5f, BasicStroke.CAP_BUTT, BasicStroke.JOIN_ROUND, 10, new float[] {on, off}, 0);
  }

  /** Both axes by what is drawn; the upper end without the rare values far above the others. */
  private static void range(XYChart chart, Panel panel) {
    var s = chart.getStyler();
    var x = values(panel, true);
    double to = x[x.length - 1];
    // What starts close to 0 starts there, so that ticks are round.
    double from = panel.x().scale() == Panel.Scale.LINEAR && x[0] < 0.05 * to ? 0 : x[0];
    s.setXAxisMin(from == to ? from - 1 : from);
    s.setXAxisMax(from == to ? to + 1 : to);
    var y = values(panel, false);
    double low = y[0];
    double high = y[y.length - 1];
    double usual = y[(int) (0.9 * (y.length - 1))];
    if (y.length > MANY && high - low > 3 * (usual - low) && usual > low) {
      high = low + 3 * (usual - low);
      chart.setYAxisTitle(panel.y().title() + ", cut at the top");
    }
    double room = high > low ? 0.05 * (high - low) : Math.max(1e-9, 0.05 * Math.abs(low));
    s.setYAxisMin(low - room);
    s.setYAxisMax(high + room);
  }

  private static double[] values(Panel panel, boolean x) {
    return panel.curves().stream()
        .map(c -> x ? c.points().xs() : c.points().ys())
        .flatMapToDouble(list -> list.stream().mapToDouble(v -> v))
        .sorted()
        .toArray();
  }
}
