package rondo.cli;

/**
 * How far work is: on a terminal one live line, elsewhere a line a minute. Time left is judged by
 * the pace so far.
 */
final class Progress implements AutoCloseable {
  private static final long LIVE = 100_000_000L;
  private static final long LOGGED = 60_000_000_000L;
  private static final int BAR = 12;

  private final Console console;
  private final String unit;
  private final boolean rated;
  private final int columns = Console.columns();
  private final Pace pace = new Pace();
  private final Pace aside = new Pace();
  private long shownAt;
  private boolean live;

  /** How far one kind of work was when it was first told of, and when that was. */
  private static final class Pace {
    private String of = "";
    private long first;
    private long firstAt;
    private long last = Long.MAX_VALUE;

    /** Work of another name, or that is less far than before, begins here. */
    void at(String what, long done, long now) {
      if (!what.equals(of) || done < last) {
        of = what;
        first = done;
        firstAt = now;
      }
      last = done;
    }

    /** Units a second, not a number where there is none yet. */
    double rate(long now) {
      return last > first ? (last - first) / ((now - firstAt) / 1e9) : Double.NaN;
    }
  }

  /**
   * Begins.
   *
   * @param unit what is counted: step, row
   */
  Progress(Console console, String unit) {
    this(console, unit, false);
  }

  /**
   * Begins.
   *
   * @param unit what is counted: row
   * @param rated whether to tell how many there are a second
   */
  Progress(Console console, String unit, boolean rated) {
    this.console = console;
    this.unit = unit;
    this.rated = rated;
    shownAt = System.nanoTime() - (columns > 0 ? LIVE : 0);
  }

  /**
   * Tells where the work is.
   *
   * @param total 0 where it is not known
   * @param detail what else to show
   */
  void update(long done, long total, String detail) {
    boolean last = total > 0 && done >= total;
    show(pace, unit, done, total, detail, rated, last);
  }

  /**
   * Tells of other work, before the first of these units or between two of them, where it takes
   * long.
   *
   * @param what is counted: row read
   */
  void aside(String what, long done, long total, String detail) {
    show(aside, what, done, total, detail, false, false);
  }

  private void show(
      Pace of,
      String what,
      long done,
      long total,
      String detail,
      boolean withRate,
      boolean atOnce) {
    long now = System.nanoTime();
    of.at(what, done, now);
    if (now - shownAt < (columns > 0 ? LIVE : LOGGED) && !atOnce) {
      return;
    }
    shownAt = now;
    var line = new StringBuilder(what).append(' ').append(Numbers.count(done));
    if (total > 0) {
      line.append('/').append(Numbers.count(total));
    }
    double rate = of.rate(now);
    if (total > done && !Double.isNaN(rate)) {
      line.append("  ").append(Numbers.duration(Math.ceil((total - done) / rate))).append(" left");
    }
    if (withRate && !Double.isNaN(rate)) {
      line.append("  %s %ss/s".formatted(Numbers.count(Math.round(rate)), what));
    }
    if (!detail.isEmpty()) {
      line.append("  ").append(detail);
    }
    if (columns > 0) {
      live(total > 0 ? bar((double) done / total) + " " + line : line.toString());
    } else {
      console.note(line.toString());
    }
  }

  private static String bar(double part) {
    int full = (int) Math.round(BAR * Math.min(1, part));
    return "━".repeat(full) + "┄".repeat(BAR - full);
  }

  private void live(String line) {
    int width = Math.max(20, columns - 1); // a wrapped line could not be rewritten
    console.live(line.length() > width ? line.substring(0, width) : line);
    live = true;
  }

  /** A remark that stays, above the live line. */
  void note(String line) {
    if (live) {
      console.live("");
      live = false;
    }
    console.note(line);
  }

  /** Ends the live line, which stays. */
  void end() {
    if (live) {
      console.note("");
      live = false;
    }
  }

  @Override
  public void close() {
    end();
  }
}
