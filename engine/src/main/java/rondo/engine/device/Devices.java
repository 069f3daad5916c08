package rondo.engine.device;

import java.util.ArrayList;
import java.util.List;
import rondo.engine.nativelib.Library;
import rondo.engine.nativelib.NativeFile;

/** Finds and opens devices, and says why one cannot be used. */
public final class Devices {
  /**
   * One line of {@code rondo devices}.
   *
   * @param usable whether {@link #open} would succeed
   * @param detail what it is, or why it cannot be used
   */
  public record Report(String name, boolean usable, String detail) {}

  private Devices() {}

  /**
   * Opens a device.
   *
   * @param name auto (the quickest usable one), cpu, plain, cuda:N or emulated
   * @param threads worker threads; 0 for one per processor
   * @throws IllegalArgumentException when the name is unknown
   * @throws IllegalStateException when the device cannot be used here; the message says why
   */
  public static Device open(String name, int threads) {
    int workers = threads > 0 ? threads : Runtime.getRuntime().availableProcessors();
    return switch (name) {
      case "auto" -> {
        try {
          yield cpu(workers);
        } catch (IllegalStateException e) {
          yield Device.plain();
        }
      }
      case "cpu" -> cpu(workers);
      case "plain" -> Device.plain();
      case "emulated" -> throw new IllegalStateException(absent("emulated"));
      default -> {
        if (name.startsWith("cuda")) {
          throw new IllegalStateException(absent("cuda"));
        }
        throw new IllegalArgumentException(
            "device \"" + name + "\": expected auto, cpu, plain, cuda:N or emulated");
      }
    };
  }

  private static String absent(String kind) {
    return "device "
        + kind
        + ": this build holds no library for it; use --device cpu"
        + " (rondo devices lists what is usable)";
  }

  private static Device cpu(int threads) {
    var library = Library.open(NativeFile.find("librondo_cpu.so"), threads);
    var description = library.describe() + ", " + threads + (threads == 1 ? " thread" : " threads");
    return new Device("cpu", description, threads, library, library);
  }

  /** Every kind of device, usable or not; the first usable one is what auto opens. */
  public static List<Report> list() {
    var reports = new ArrayList<Report>();
    reports.add(new Report("cuda", false, "no library for it in this build"));
    try (var device = cpu(Runtime.getRuntime().availableProcessors())) {
      reports.add(new Report("cpu", true, device.describe()));
    } catch (IllegalStateException e) {
      reports.add(new Report("cpu", false, String.valueOf(e.getMessage())));
    }
    reports.add(new Report("plain", true, Device.plain().describe() + ": the slow reference"));
    return List.copyOf(reports);
  }
}
