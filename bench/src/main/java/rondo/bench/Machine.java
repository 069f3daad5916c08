package rondo.bench;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * Where and when something was measured.
 *
 * @param device the device's own description
 * @param load programs that wanted a processor in the minute before, or "unknown": figures taken on
 *     a busy machine say little
 */
public record Machine(
    String processor,
    int processors,
    int threads,
    String device,
    String java,
    String load,
    String date,
    String commit,
    Clock clock) {

  /** This machine, now. */
  public static Machine here(int threads, String device, String date, String commit, Clock clock) {
    return new Machine(
        line("/proc/cpuinfo", "model name"),
        Runtime.getRuntime().availableProcessors(),
        threads,
        device,
        Runtime.version() + " on " + System.getProperty("os.name"),
        line("/proc/loadavg", "").split(" ", 2)[0],
        date,
        commit,
        clock);
  }

  private static String line(String file, String start) {
    try (var lines = Files.lines(Path.of(file))) {
      return lines
          .filter(l -> l.startsWith(start))
          .map(l -> l.substring(l.indexOf(':') + 1).strip())
          .findFirst()
          .orElse("unknown");
    } catch (IOException e) {
      return "unknown";
    }
  }
}
