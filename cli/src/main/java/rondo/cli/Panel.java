package rondo.cli;

import java.util.List;
import java.util.Locale;

/**
 * One of several pictures side by side.
 *
 * @param x what its horizontal axis shows
 * @param y what its vertical axis shows
 */
record Panel(String title, Axis x, Axis y, List<Curve> curves) {
  Panel {
    curves = List.copyOf(curves);
  }

  /** How values lie on an axis. */
  enum Scale {
    LINEAR,
    /** By their logarithm of base 10. */
    LOG10,
    /** By their logarithm of base 2, with ticks at powers of two. */
    RECURRENCES;

    double place(double value) {
      return switch (this) {
        case LINEAR -> value;
        case LOG10 -> Math.log10(value);
        case RECURRENCES -> Math.log(value) / Math.log(2);
      };
    }

    String tick(double place) {
      return switch (this) {
        case LINEAR -> compact(place);
        case LOG10 -> compact(twoDigits(Math.pow(10, place)));
        case RECURRENCES ->
            Math.abs(place - Math.rint(place)) < 1e-9
                ? "" + (long) Math.rint(Math.pow(2, place))
                : " ";
      };
    }
  }

  record Axis(String title, Scale scale) {}

  /** How a curve is drawn. */
  enum Stroke {
    LINE,
    /** Behind the others: the values that a line is a mean of. */
    FAINT,
    DASHED,
    DOTTED,
    /** A line with a mark at each point. */
    MARKED
  }

  /** A curve in the colour of its run. */
  record Curve(int run, Stroke stroke, RunMetrics.Points points) {}

  /** Curves without any point are left out; values that the axes cannot show, too. */
  Panel drawable() {
    return new Panel(
        title,
        x,
        y,
        curves.stream()
            .map(c -> new Curve(c.run, c.stroke, placed(c.points)))
            .filter(c -> !c.points.isEmpty())
            .toList());
  }

  private RunMetrics.Points placed(RunMetrics.Points points) {
    var xs = new java.util.ArrayList<Double>();
    var ys = new java.util.ArrayList<Double>();
    for (int i = 0; i < points.xs().size(); i++) {
      double a = x.scale.place(points.xs().get(i));
      double b = y.scale.place(points.ys().get(i));
      if (Double.isFinite(a) && Double.isFinite(b)) {
        xs.add(a);
        ys.add(b);
      }
    }
    return new RunMetrics.Points(xs, ys);
  }

  /** 12k, 1.5B, 3e19, 0.25, 5e-5: three digits at most. */
  static String compact(double value) {
    double size = Math.abs(value);
    if (size < 1e-12) {
      return "0";
    }
    if (size >= 1e15 || size < 0.00995) {
      return trimmed(String.format(Locale.ROOT, "%.2e", value).replace("e+", "e"));
    }
    var units = new String[] {"", "k", "M", "B", "T"};
    int unit = 0;
    double shown = value;
    while (Math.abs(shown) >= 9999.5 || (unit > 0 && Math.abs(shown) >= 999.5)) {
      shown /= 1000;
      unit++;
    }
    double left = Math.abs(shown);
    int places =
        left >= 99.95 ? 0 : left >= 9.995 ? 1 : left >= 0.9995 ? 2 : left >= 0.09995 ? 3 : 4;
    var text = String.format(Locale.ROOT, "%." + places + "f", shown);
    return (text.contains(".") ? text.replaceFirst("\\.?0+$", "") : text) + units[unit];
  }

  private static double twoDigits(double value) {
    return Double.parseDouble(String.format(Locale.ROOT, "%.1e", value));
  }

  /** 3.00e19 as 3e19, 2.50e-05 as 2.5e-5. */
  private static String trimmed(String text) {
    return text.replaceFirst("\\.?0+e", "e").replaceFirst("e(-?)0+(\\d)", "e$1$2");
  }
}
