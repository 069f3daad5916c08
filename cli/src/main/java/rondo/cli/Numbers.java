package rondo.cli;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/** Numbers as people read and write them; the same in every locale. */
final class Numbers {
  private static final String[] UNITS = {"B", "KiB", "MiB", "GiB", "TiB", "PiB"};

  private Numbers() {}

  /** 1,385,228,288. */
  static String count(long n) {
    return String.format(Locale.ROOT, "%,d", n);
  }

  /** 5.16 GiB. */
  static String bytes(long bytes) {
    double value = bytes;
    int unit = 0;
    while (value >= 1024 && unit + 1 < UNITS.length) {
      value /= 1024;
      unit++;
    }
    return String.format(Locale.ROOT, unit == 0 ? "%.0f %s" : "%.2f %s", value, UNITS[unit]);
  }

  /** 4.0480e20, and 1.21988e21: as many digits as are published. */
  static String flops(double flops) {
    return String.format(Locale.ROOT, flops >= 1e21 ? "%.5e" : "%.4e", flops).replace("e+", "e");
  }

  static String flops(long flops) {
    return flops((double) flops);
  }

  /** 1.23e+15: three digits. */
  static String rough(double value) {
    return String.format(Locale.ROOT, "%.3g", value);
  }

  static String decimal(double value, int places) {
    return String.format(Locale.ROOT, "%." + places + "f", value);
  }

  /** 42 s, 12 min 3 s, 5 h 20 min, 3.2 days. */
  static String duration(double seconds) {
    if (!(seconds < 1e12)) {
      return "unknown";
    }
    if (seconds < 10 && seconds != Math.rint(seconds)) {
      return decimal(seconds, seconds < 0.1 ? 4 : 2) + " s";
    }
    long s = Math.round(seconds);
    if (s < 60) {
      return s + " s";
    }
    if (s < 3600) {
      return s / 60 + " min " + s % 60 + " s";
    }
    if (s < 48 * 3600) {
      return s / 3600 + " h " + s % 3600 / 60 + " min";
    }
    return decimal(seconds / 86400, 1) + " days";
  }

  /**
   * Reads {@code 1,2,4}.
   *
   * @throws IllegalArgumentException naming the option and the piece that is no number
   */
  static List<Integer> list(String option, String text, String expected) {
    var numbers = new ArrayList<Integer>();
    for (var piece : text.split(",", -1)) {
      var digits = piece.strip();
      if (!digits.matches("\\d{1,9}")) {
        throw new IllegalArgumentException(
            option + " \"" + text + "\": \"" + digits + "\"; expected " + expected);
      }
      numbers.add(Integer.valueOf(digits));
    }
    return numbers;
  }

  /** Checks a whole number from an option. */
  static int atLeast(String option, int value, int least) {
    if (value < least) {
      throw new IllegalArgumentException(option + " " + value + ": expected at least " + least);
    }
    return value;
  }
}
