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
  private final int columns = Console.columns();
  private long first = -1;
  private long firstAt;
  private long shownAt;
  private boolean live;

  /**
   * Begins.
   *
   * @param unit what is counted: step, row
   */
  Progress(Console console, String unit) {
    this.console = console;
    this.unit = unit;
    shownAt = System.nanoTime() - (columns > 0 ? LIVE : 0);
  }

  /**
   * Tells where the work is.
   *
   * @param total 0 where it is not known
   * @param detail what else to show
   */
  void update(long done, long total, String detail) {
    long now = System.nanoTime();
    if (first < 0) {
      first = done;
      firstAt = now;
    }
    boolean last = total > 0 && done >= total;
    if (now - shownAt < (columns > 0 ? LIVE : LOGGED) && !last) {
      return;
    }
    shownAt = now;
    var line = new StringBuilder(unit).append(' ').append(Numbers.count(done));
    if (total > 0) {
      line.append('/').append(Numbers.count(total));
    }
    if (total > 0 && !last && done > first) {
      double left = (now - firstAt) / 1e9 / (done - first) * (total - done);
      line.append("  ").append(Numbers.duration(Math.ceil(left))).append(" left");
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
