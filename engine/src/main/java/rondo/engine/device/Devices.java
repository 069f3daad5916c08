package rondo.engine.device;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Pattern;
import java.util.stream.Stream;
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

  /**
   * With {@code nan} in this variable of the environment every program runs a step at a time, and
   * the first value that is infinite or no number is an {@link IllegalStateException} that names
   * the step.
   */
  public static final String CHECK = "RONDO_CHECK";

  /**
   * With {@code 1} in this variable of the environment a GPU is waited for after every step of a
   * program, and what fails there, a token outside the vocabulary included, names program, step and
   * operation.
   */
  public static final String SYNC = "RONDO_SYNC";

  private static final String CUDA_LIBRARY = "librondo_cuda.so";
  private static final String EMULATED_LIBRARY = "librondo_emulated.so";

  /** cuda, or cuda: and an ordinal of a few digits. */
  private static final Pattern CUDA_NAME = Pattern.compile("cuda(?::(\\d{1,3}))?");

  private static final Set<String> GPUS = Set.of("cuda", "emulated");

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
    return open(name, threads, System.getenv());
  }

  /**
   * As {@link #open(String, int)} under an environment, of which {@link #CHECK} and {@link #SYNC}
   * count.
   */
  static Device open(String name, int threads, Map<String, String> environment) {
    var check = environment.get(CHECK);
    if (check != null && !check.equals("nan")) {
      throw new IllegalArgumentException(CHECK + " is \"" + check + "\", expected nan");
    }
    var device = openUnchecked(name, threads);
    if ("1".equals(environment.get(SYNC))) {
      device.awaitingSteps();
    }
    return check == null ? device : device.checkingValues();
  }

  private static Device openUnchecked(String name, int threads) {
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
        var passedOver = new ArrayList<Report>();
        for (var kind : List.of("cuda", "cpu")) {
          try {
            yield openUnchecked(kind, threads).passingOver(passedOver);
          } catch (IllegalStateException e) {
            passedOver.add(unusable(kind, e));
          }
        }
        yield Device.plain().passingOver(passedOver);
      }
      case "cpu" -> cpu(workers);
      case "plain" -> Device.plain();
      case "emulated" -> gpu("emulated", EMULATED_LIBRARY, 0);
      default -> {
        var ordinal = CUDA_NAME.matcher(name);
        if (ordinal.matches()) {
          yield gpu(
              name, CUDA_LIBRARY, name.equals("cuda") ? 0 : Integer.parseInt(ordinal.group(1)));
        }
        throw new IllegalArgumentException(
            "device \"" + name + "\": expected auto, cpu, plain, cuda:N or emulated");
      }
    };
  }

  private static Device gpu(String name, String library, int ordinal) {
    var file = NativeFile.find(library);
    return Device.gpu(name, build(file), Library.open(file, ordinal, 1));
  }

  private static String build(Path library) {
    return library.getFileName() + " " + NativeFile.hash(library);
  }

  private static Device cpu(int threads) {
    var file = NativeFile.find("librondo_cpu.so");
    var library = Library.open(file, 0, threads);
    var description = library.describe() + ", " + threads + (threads == 1 ? " thread" : " threads");
    return Device.cpu(description, build(file), threads, library);
  }

  private static Report unusable(String kind, IllegalStateException e) {
    return new Report(kind, false, String.valueOf(e.getMessage()));
  }

  private static int defaultThreads() {
    return Math.min(MOST_THREADS, Runtime.getRuntime().availableProcessors());
  }

  /** Every kind of device, usable or not; the first usable one is what auto opens. */
  public static List<Report> list() {
    return Stream.of("cuda", "cpu", "plain", "emulated").map(Devices::report).toList();
  }

  private static Report report(String kind) {
    try (var device = open(kind, 0)) {
      var memory = GPUS.contains(kind) ? ", " + device.memory() : "";
      return new Report(kind, true, device.describe() + memory);
    } catch (IllegalStateException e) {
      return unusable(kind, e);
    }
  }
}
