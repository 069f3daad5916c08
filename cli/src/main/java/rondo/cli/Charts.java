package rondo.cli;

import java.awt.BasicStroke;
import java.awt.Color;
import java.awt.Font;
import java.awt.Graphics2D;
import java.awt.RenderingHints;
import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.stream.DoubleStream;
import java.util.stream.Stream;
import javax.imageio.ImageIO;
import org.knowm.xchart.BitmapEncoder;
import org.knowm.xchart.XYChart;
import org.knowm.xchart.XYChartBuilder;
import org.knowm.xchart.style.AxesChartStyler.TextAlignment;
import org.knowm.xchart.style.markers.SeriesMarkers;

/**
 * Pictures over recurrences, as PNG files: one line a series, dashed levels for what has no depth to
 * vary, names at the ends of the lines instead of a legend.
 */
final class Charts {
  private static final int WIDTH = 1600;
  private static final int HEIGHT = 1000;
  private static final int HEAD = 120;

  /** The widest room to the right of the plot for names. */
  private static final int WIDEST_NAME = 480;

  private static final int GAP = 40;
  private static final Font NAMES = font(Font.BOLD, 23);

  private static final Color INK = new Color(0x22, 0x26, 0x2b);
  private static final Color GREY = new Color(0x6b, 0x72, 0x79);
  private static final Color GRID = new Color(0xe4, 0xe7, 0xea);

  /** Okabe and Ito's colours, which colour-blind people can tell apart; the yellow is left out. */
  private static final Color[] UNORDERED = {
    new Color(0x00, 0x72, 0xb2),
    new Color(0xd5, 0x5e, 0x00),
    new Color(0x00, 0x9e, 0x73),
    new Color(0xcc, 0x79, 0xa7),
    new Color(0x56, 0xb4, 0xe9),
    new Color(0xe6, 0x9f, 0x00)
  };

  /** The ends of a scale for series that have an order, through {@link #MIDDLE}. */
  private static final Color LOW = new Color(0x5c, 0xb8, 0x85);

  private static final Color MIDDLE = new Color(0x23, 0x8a, 0x9d);
  private static final Color HIGH = new Color(0x3b, 0x1f, 0x69);

  static {
    System.setProperty("java.awt.headless", "true");
  }

  private Charts() {}

  /** A series over recurrences. */
  record Line(String name, double[] recurrences, double[] values) {}

  /** A value that has no recurrences, such as that of a fixed-depth model. */
  record Level(String name, double value) {}

  /**
   * A picture.
   *
   * @param percent whether values are parts of 1, shown from 0 % to 100 %
   * @param ordered whether the lines have an order, such as by difficulty
   */
  record Figure(
      String title,
      String subtitle,
      String unit,
      boolean percent,
      boolean ordered,
      List<Line> lines,
      List<Level> levels) {
    Figure {
      lines = List.copyOf(lines);
      levels = List.copyOf(levels);
      if (lines.isEmpty() && levels.isEmpty()) {
        throw new IllegalArgumentException("a picture of nothing");
      }
    }
  }

  /** Losses in nats over recurrences. */
  static Figure loss(String title, String subtitle, List<Line> lines, List<Level> levels) {
    return new Figure(title, subtitle, "loss (nats per token)", false, false, lines, levels);
  }

  /** Accuracies over recurrences, a line a difficulty, from the easiest to the hardest. */
  static Figure accuracy(String title, String subtitle, List<Line> lines, List<Level> levels) {
    return new Figure(title, subtitle, "accuracy", true, true, lines, levels);
  }

  /** Draws a figure into a PNG file. */
  static void write(Figure figure, Path png) throws IOException {
    var image = image(figure);
    if (!ImageIO.write(image, "png", png.toFile())) {
      throw new IOException(png + ": this Java has no PNG writer");
    }
  }

  static BufferedImage image(Figure figure) {
    var image = new BufferedImage(WIDTH, HEIGHT, BufferedImage.TYPE_INT_RGB);
    var g = image.createGraphics();
    try {
      g.setRenderingHint(RenderingHints.KEY_ANTIALIASING, RenderingHints.VALUE_ANTIALIAS_ON);
      g.setRenderingHint(
          RenderingHints.KEY_TEXT_ANTIALIASING, RenderingHints.VALUE_TEXT_ANTIALIAS_ON);
      g.setColor(Color.WHITE);
      g.fillRect(0, 0, WIDTH, HEIGHT);
      g.setFont(NAMES);
      int room = GAP + names(figure).mapToInt(g.getFontMetrics()::stringWidth).max().orElse(0);
      var chart = chart(figure, WIDTH - Math.min(room, WIDEST_NAME));
      g.drawImage(BitmapEncoder.getBufferedImage(chart), 0, HEAD, null);
      head(g, figure);
      names(g, figure, chart);
    } finally {
      g.dispose();
    }
    return image;
  }

  private static Stream<String> names(Figure figure) {
    return Stream.concat(
        figure.lines.stream().map(Line::name), figure.levels.stream().map(Level::name));
  }

  private static Font font(int style, int size) {
    return new Font(Font.SANS_SERIF, style, size);
  }

  private static void head(Graphics2D g, Figure figure) {
    g.setColor(INK);
    g.setFont(font(Font.BOLD, 38));
    g.drawString(figure.title, 40, 62);
    g.setColor(GREY);
    g.setFont(font(Font.PLAIN, 24));
    g.drawString(figure.subtitle, 40, 102);
  }

  private static XYChart chart(Figure figure, int width) {
    var chart =
        new XYChartBuilder()
            .width(width)
            .height(HEIGHT - HEAD)
            .xAxisTitle("recurrences")
            .yAxisTitle(figure.unit)
            .build();
    style(chart, figure);
    double from = firstLog(figure);
    double to = lastLog(figure);
    for (int i = 0; i < figure.levels.size(); i++) {
      var level = figure.levels.get(i);
      var series =
          chart.addSeries(
              "level " + i,
              new double[] {from, to},
              new double[] {level.value, level.value});
      series.setMarker(SeriesMarkers.NONE);
      series.setLineColor(GREY);
      series.setLineStyle(
          new BasicStroke(
              3, BasicStroke.CAP_BUTT, BasicStroke.JOIN_ROUND, 10, new float[] {12, 9}, 0));
    }
    for (int i = 0; i < figure.lines.size(); i++) {
      var line = figure.lines.get(i);
      var x = new double[line.recurrences.length];
      for (int j = 0; j < x.length; j++) {
        x[j] = log2(line.recurrences[j]);
      }
      var series = chart.addSeries("line " + i, x, line.values);
      var color = color(figure, i);
      series.setLineColor(color);
      series.setMarkerColor(color);
      series.setMarker(SeriesMarkers.CIRCLE);
      series.setLineStyle(new BasicStroke(4.5f, BasicStroke.CAP_ROUND, BasicStroke.JOIN_ROUND));
    }
    return chart;
  }

  private static void style(XYChart chart, Figure figure) {
    var s = chart.getStyler();
    s.setChartBackgroundColor(Color.WHITE);
    s.setPlotBackgroundColor(Color.WHITE);
    s.setPlotBorderVisible(false);
    s.setChartTitleVisible(false);
    s.setLegendVisible(false);
    s.setChartFontColor(INK);
    s.setAxisTitleFont(font(Font.PLAIN, 26));
    s.setAxisTickLabelsFont(font(Font.PLAIN, 24));
    s.setAxisTickLabelsColor(INK);
    s.setAxisTickMarksColor(GREY);
    s.setAxisTicksLineVisible(false);
    s.setAxisTicksMarksVisible(false);
    s.setYAxisLabelAlignment(TextAlignment.Right);
    s.setAxisTickPadding(10);
    s.setAxisTitlePadding(16);
    s.setPlotGridLinesColor(GRID);
    s.setPlotGridLinesStroke(new BasicStroke(2));
    s.setPlotGridVerticalLinesVisible(false);
    s.setPlotContentSize(0.97);
    s.setMarkerSize(15);
    s.setChartPadding(24);
    s.setXAxisTickMarkSpacingHint(120);
    s.setYAxisTickMarkSpacingHint(110);
    s.setXAxisMin(firstLog(figure));
    s.setXAxisMax(lastLog(figure));
    s.setXAxisTickLabelsFormattingFunction(Charts::recurrences);
    if (figure.percent) {
      s.setYAxisMin(0.0);
      s.setYAxisMax(1.0);
      s.setYAxisTickLabelsFormattingFunction(v -> Math.round(100 * v) + " %");
    } else {
      var values = values(figure).filter(Double::isFinite).summaryStatistics();
      double range = Math.max(values.getMax() - values.getMin(), 1e-3 * values.getMax());
      s.setYAxisMin(values.getMin() - 0.06 * range);
      s.setYAxisMax(values.getMax() + 0.04 * range);
      int places = (int) Math.max(0, Math.ceil(-Math.log10(range / 4)));
      s.setYAxisTickLabelsFormattingFunction(v -> Numbers.decimal(v, places));
    }
  }

  private static DoubleStream values(Figure figure) {
    return DoubleStream.concat(
        figure.lines.stream().flatMapToDouble(line -> Arrays.stream(line.values)),
        figure.levels.stream().mapToDouble(Level::value));
  }

  /** Powers of two only: 1, 2, 4, 8. */
  private static String recurrences(double log) {
    return Math.abs(log - Math.rint(log)) < 1e-9 ? "" + (long) Math.rint(Math.pow(2, log)) : " ";
  }

  private static double log2(double x) {
    return Math.log(x) / Math.log(2);
  }

  private static double firstLog(Figure figure) {
    return figure.lines.stream()
        .mapToDouble(line -> log2(line.recurrences[0]))
        .min()
        .orElse(0);
  }

  private static double lastLog(Figure figure) {
    double last =
        figure.lines.stream()
            .mapToDouble(line -> log2(line.recurrences[line.recurrences.length - 1]))
            .max()
            .orElse(5);
    return Math.max(last, firstLog(figure) + 1);
  }

  private static Color color(Figure figure, int i) {
    if (!figure.ordered) {
      return UNORDERED[i % UNORDERED.length];
    }
    int steps = figure.lines.size() - 1;
    double at = steps == 0 ? 1 : (double) i / steps;
    return at < 0.5 ? mix(LOW, MIDDLE, 2 * at) : mix(MIDDLE, HIGH, 2 * at - 1);
  }

  private static Color mix(Color a, Color b, double part) {
    return new Color(
        (int) Math.round(a.getRed() + part * (b.getRed() - a.getRed())),
        (int) Math.round(a.getGreen() + part * (b.getGreen() - a.getGreen())),
        (int) Math.round(a.getBlue() + part * (b.getBlue() - a.getBlue())));
  }

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

  private static void names(Graphics2D g, Figure figure, XYChart chart) {
    g.setFont(NAMES);
    var metrics = g.getFontMetrics();
    var tags = new ArrayList<Tag>();
    for (int i = 0; i < figure.lines.size(); i++) {
      var line = figure.lines.get(i);
      add(tags, chart, line.name, color(figure, i), line.values[line.values.length - 1]);
    }
    for (var level : figure.levels) {
      add(tags, chart, level.name, GREY, level.value);
    }
    double top = HEAD + metrics.getHeight();
    spread(tags, metrics.getHeight() + 4, top);
    int x = (int) chart.getScreenXFromChart(lastLog(figure)) + 26;
    for (var tag : tags) {
      g.setColor(mix(tag.color, INK, 0.15)); // letters are thinner than lines
      int base = (int) tag.y + metrics.getAscent() / 2 - 3;
      g.drawString(fit(tag.text, metrics, WIDTH - x - 12), x, base);
    }
  }

  private static void add(
      List<Tag> tags, XYChart chart, String name, Color color, double value) {
    if (Double.isFinite(value)) {
      tags.add(new Tag(name, color, HEAD + chart.getScreenYFromChart(value)));
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

  private static String fit(String text, java.awt.FontMetrics metrics, int width) {
    var shown = text;
    while (metrics.stringWidth(shown) > width && shown.length() > 2) {
      shown = shown.substring(0, shown.length() - 2) + "…";
    }
    return shown;
  }
}
