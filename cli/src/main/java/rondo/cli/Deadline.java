package rondo.cli;

import java.time.Duration;
import java.util.regex.Pattern;

/** A time after which work is asked to end, such as 55m, 3h or 1h30m. */
final class Deadline implements AutoCloseable {
  private static final Pattern PARTS =
      Pattern.compile("(?:(\\d{1,6})d)?(?:(\\d{1,6})h)?(?:(\\d{1,6})m)?(?:(\\d{1,6})s)?");

  private final Thread waiting;

  /** Runs {@code after} once the duration has passed, unless it is closed before. */
  Deadline(Duration duration, Runnable after) {
    waiting =
        Thread.ofPlatform()
            .daemon()
            .name("deadline")
            .start(() -> {
              try {
                Thread.sleep(duration);
                after.run();
              } catch (InterruptedException e) {
                Thread.currentThread().interrupt(); // the work has ended
              }
            });
  }

  /**
   * Reads a duration: days, hours, minutes and seconds as in 1d, 2h30m, 55m or 90s.
   *
   * @throws IllegalArgumentException when it is none, or nothing
   */
  static Duration parse(String option, String text) {
    var parts = PARTS.matcher(text);
    if (parts.matches()) {
      var duration =
          Duration.ofDays(number(parts.group(1)))
              .plusHours(number(parts.group(2)))
              .plusMinutes(number(parts.group(3)))
              .plusSeconds(number(parts.group(4)));
      if (duration.isPositive()) {
        return duration;
      }
    }
    throw new IllegalArgumentException(
        "%s %s: expected a time such as 90s, 55m, 3h or 1d12h".formatted(option, text));
  }

  private static long number(@org.jspecify.annotations.Nullable String digits) {
    return digits == null ? 0 : Long.parseLong(digits);
  }

  @Override
  public void close() {
    waiting.interrupt();
  }
}
