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

  /** What {@code rondo_stream_create} takes. */
  public static final int MOST_THREADS = 256;

  private static final Report CUDA = new Report("cuda", false, "no library for it in this build");

  private Devices() {}

  /**
   * Opens a device.
   *
   * @param name auto (the quickest usable one), cpu, plain, cuda:N or emulated
   * @param threads worker threads of the CPU, 1 to {@link #MOST_THREADS}; 0 for one per processor,
   *     as far as that goes
   * @throws IllegalArgumentException when the name is unknown or the threads are out of range
   * @throws IllegalStateException when the device cannot be used here; the message says why
   */
  public static Device open(String name, int threads) {
    if (threads < 0 || threads > MOST_THREADS) {
      throw new IllegalArgumentException(
          "threads "
              + threads
              + ": expected 1 to "
              + MOST_THREADS
              + ", or 0 for one per processor");
    }
    int workers = threads > 0 ? threads : defaultThreads();
    return switch (name) {
      case "auto" -> {
        var passedOver = new ArrayList<Report>(List.of(CUDA));
        Device device;
        try {
          device = cpu(workers);
        } catch (IllegalStateException e) {
          passedOver.add(unusableCpu(e));
          device = Device.plain();
        }
        yield device.passingOver(passedOver);
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
    var file = NativeFile.find("librondo_cpu.so");
    var library = Library.open(file, threads);
    var description = library.describe() + ", " + threads + (threads == 1 ? " thread" : " threads");
    var build = file.getFileName() + " " + NativeFile.hash(file);
    return new Device("cpu", description, build, threads, library, library);
  }

  private static Report unusableCpu(IllegalStateException e) {
    return new Report("cpu", false, String.valueOf(e.getMessage()));
  }

  private static int defaultThreads() {
    return Math.min(MOST_THREADS, Runtime.getRuntime().availableProcessors());
  }

  /** Every kind of device, usable or not; the first usable one is what auto opens. */
  public static List<Report> list() {
    var reports = new ArrayList<Report>();
    reports.add(CUDA);
    try (var device = cpu(defaultThreads())) {
      reports.add(new Report("cpu", true, device.describe()));
    } catch (IllegalStateException e) {
      reports.add(unusableCpu(e));
    }
    reports.add(new Report("plain", true, Device.plain().describe() + ": the slow reference"));
    return List.copyOf(reports);
  }
}
