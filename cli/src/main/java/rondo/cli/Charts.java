package rondo.cli;

import java.awt.BasicStroke;
import java.awt.Color;
import java.awt.Font;
import java.awt.Graphics2D;
import java.awt.RenderingHints;
import java.awt.image.BufferedImage;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.DoubleStream;
import javax.imageio.ImageIO;
import org.knowm.xchart.BitmapEncoder;
import org.knowm.xchart.XYChart;
import org.knowm.xchart.XYChartBuilder;
import org.knowm.xchart.style.AxesChartStyler.TextAlignment;
import org.knowm.xchart.style.XYStyler;
import org.knowm.xchart.style.markers.SeriesMarkers;
import rondo.nn.checkpoint.AtomicFiles;

/**
 * Pictures over recurrences, as PNG files: one line a series, dashed levels for what has no depth
 * to vary, names at the ends of the lines instead of a legend.
 */
final class Charts {
  private static final int WIDTH = 1600;
  private static final int HEIGHT = 1000;
  private static final int HEAD = 120;

  /** The widest room to the right of the plot for names. */
  private static final int WIDEST_NAME = 480;

  private static final int GAP = 40;

  static {
    System.setProperty("java.awt.headless", "true");
  }

  private Charts() {}

  /** A series over recurrences. */
  record Line(String name, List<Double> recurrences, List<Double> values) {
    Line {
      recurrences = List.copyOf(recurrences);
      values = List.copyOf(values);
      if (recurrences.isEmpty() || recurrences.size() != values.size()) {
        throw new IllegalArgumentException(
            name + ": " + recurrences.size() + " recurrences, " + values.size() + " values");
      }
    }

    Line(String name, double[] recurrences, double[] values) {
      this(name, list(recurrences), list(values));
    }

    private static List<Double> list(double[] values) {
      return DoubleStream.of(values).boxed().toList();
    }
  }

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
    write(image(figure), png);
  }

  /** Writes a picture into a PNG file. */
  static void write(BufferedImage image, Path png) throws IOException {
    var bytes = new ByteArrayOutputStream();
    if (!ImageIO.write(image, "png", bytes)) {
      throw new IOException(png + ": this Java has no PNG writer");
    }
    AtomicFiles.write(png, bytes.toByteArray());
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
      var chart = chart(figure, WIDTH - Math.min(GAP + NameTags.width(g, figure), WIDEST_NAME));
      g.drawImage(BitmapEncoder.getBufferedImage(chart), 0, HEAD, null);
      head(g, figure);
      NameTags.draw(g, figure, chart, HEAD, WIDTH);
    } finally {
      g.dispose();
    }
    return image;
  }

  private static void head(Graphics2D g, Figure figure) {
    g.setColor(Palette.INK);
    fitted(g, figure.title, Font.BOLD, 38, 62);
    g.setColor(Palette.GREY);
    fitted(g, figure.subtitle, Font.PLAIN, 24, 102);
  }

  /** Text as large as {@code size} and the picture's width allow. */
  private static void fitted(Graphics2D g, String text, int style, int size, int y) {
    g.setFont(Palette.font(style, size));
    for (int s = size; s > 12 && g.getFontMetrics().stringWidth(text) > WIDTH - 80; s--) {
      g.setFont(Palette.font(style, s));
    }
    g.drawString(text, 40, y);
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
              "level " + i, new double[] {from, to}, new double[] {level.value, level.value});
      series.setMarker(SeriesMarkers.NONE);
      series.setLineColor(Palette.GREY);
      series.setLineStyle(
          new BasicStroke(
              3, BasicStroke.CAP_BUTT, BasicStroke.JOIN_ROUND, 10, new float[] {12, 9}, 0));
    }
    for (int i = 0; i < figure.lines.size(); i++) {
      var line = figure.lines.get(i);
      var x = line.recurrences.stream().map(Charts::log2).toList();
      var series = chart.addSeries("line " + i, x, line.values);
      var color = Palette.color(figure, i);
      series.setLineColor(color);
      series.setMarkerColor(color);
      series.setMarker(SeriesMarkers.CIRCLE);
      series.setLineStyle(new BasicStroke(4.5f, BasicStroke.CAP_ROUND, BasicStroke.JOIN_ROUND));
    }
    return chart;
  }

  /** Axes without boxes or legend, a faint grid for values; as in every picture. */
  static void look(XYStyler s, int letters) {
    s.setChartBackgroundColor(Color.WHITE);
    s.setPlotBackgroundColor(Color.WHITE);
    s.setPlotBorderVisible(false);
    s.setChartTitleVisible(false);
    s.setLegendVisible(false);
    s.setChartFontColor(Palette.INK);
    s.setAxisTitleFont(Palette.font(Font.PLAIN, letters + 2));
    s.setAxisTickLabelsFont(Palette.font(Font.PLAIN, letters));
    s.setAxisTickLabelsColor(Palette.INK);
    s.setAxisTickMarksColor(Palette.GREY);
    s.setAxisTicksLineVisible(false);
    s.setAxisTicksMarksVisible(false);
    s.setYAxisLabelAlignment(TextAlignment.Right);
    s.setAxisTickPadding(10);
    s.setAxisTitlePadding(16);
    s.setPlotGridLinesColor(Palette.GRID);
    s.setPlotGridLinesStroke(new BasicStroke(2));
    s.setPlotGridVerticalLinesVisible(false);
    s.setPlotContentSize(0.97);
    s.setChartPadding(24);
    s.setXAxisTickMarkSpacingHint(120);
  }

  private static void style(XYChart chart, Figure figure) {
    var s = chart.getStyler();
    look(s, 24);
    s.setMarkerSize(15);
    s.setYAxisTickMarkSpacingHint(110);
    s.setXAxisMin(firstLog(figure));
    s.setXAxisMax(lastLog(figure));
    s.setXAxisTickLabelsFormattingFunction(Charts::recurrences);
    if (figure.percent) {
      s.setYAxisMin(0.0);
      s.setYAxisMax(1.0);
      s.setYAxisTickLabelsFormattingFunction(v -> Math.round(100 * v) + " %");
      return;
    }
    var values = values(figure).filter(Double::isFinite).summaryStatistics();
    if (values.getCount() > 0) {
      double range = Math.max(values.getMax() - values.getMin(), 1e-3 * values.getMax());
      s.setYAxisMin(values.getMin() - 0.06 * range);
      s.setYAxisMax(values.getMax() + 0.04 * range);
      int places = (int) Math.max(0, Math.ceil(-Math.log10(range / 20))); // ticks: 20 at most
      s.setYAxisTickLabelsFormattingFunction(v -> Numbers.decimal(v, places));
    }
  }

  private static DoubleStream values(Figure figure) {
    return DoubleStream.concat(
        figure.lines.stream().flatMapToDouble(line -> line.values.stream().mapToDouble(v -> v)),
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
        .mapToDouble(line -> log2(line.recurrences.getFirst()))
        .min()
        .orElse(0);
  }

  static double lastLog(Figure figure) {
    double last =
        figure.lines.stream().mapToDouble(line -> log2(line.recurrences.getLast())).max().orElse(5);
    return Math.max(last, firstLog(figure) + 1);
  }
}
