package rondo.bench;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import rondo.engine.device.Device;
import rondo.engine.device.Devices;
import rondo.engine.nativelib.Library;
import rondo.engine.nativelib.NativeFile;

/**
 * Measures and writes {@code bench.json} and {@code bench.md}:
 *
 * <pre>
 *   --threads N        worker threads                               (one per processor)
 *   --parts a,b        of products, kernels, steps, profile         (all)
 *   --rounds N         rounds in which all contenders take turns    (11)
 *   --seconds S        of each turn                                 (0.2)
 *   --clock C          wall, or processor for one thread on a machine others use (wall)
 *   --date, --commit   what the report says of itself
 *   --out FOLDER       where to write                               (.)
 * </pre>
 */
public final class Main {
  private static final Set<String> OPTIONS =
      Set.of("threads", "parts", "rounds", "seconds", "clock", "date", "commit", "out");

  private Main() {}

  public static void main(String[] arguments) throws IOException {
    var options = new Options(arguments, OPTIONS);
    try (var device = Devices.open("cpu", options.count("threads", 0))) {
      var machine =
          Machine.here(
              device.threads(),
              device.describe(),
              options.text("date", "not said"),
              options.text("commit", "not said"),
              options.rounds().clock());
      var parts = Set.of(options.text("parts", "products,kernels,steps,profile").split(","));
      var report = measure(device, machine, parts, options.rounds());
      write(report, Path.of(options.text("out", ".")));
      System.out.print(report.markdown());
    }
  }

  /** Measures Rondo alone; parts are products, kernels, steps and profile. */
  public static Report measure(Device device, Machine machine, Set<String> parts, Rounds rounds) {
    var steps = StepConfig.quickstart();
    var all = new ArrayList<Measurement>();
    var profiles = new ArrayList<StepProfile>();
    if (parts.contains("products")) {
      all.addAll(ProductBench.measure(device, Product.squares(), List.of(), rounds));
      all.addAll(ProductBench.measure(device, Product.of(steps.getFirst()), List.of(), rounds));
    }
    if (parts.contains("kernels")) {
      all.addAll(KernelBench.measure(device, steps.getFirst(), rounds));
    }
    if (parts.contains("steps")) {
      all.addAll(StepBench.measure(device, steps, List.of(), rounds));
      all.addAll(StepBench.measure(device, List.of(StepConfig.tied()), List.of(), rounds));
    }
    if (parts.contains("profile")) {
      var file = NativeFile.find("librondo_cpu.so");
      try (var library = Library.open(file, 0, device.threads())) {
        profiles.add(StepProfile.measure(device, library, steps.getFirst(), rounds));
      }
    }
    return new Report(machine, all, profiles);
  }

  /** Writes both files. */
  public static void write(Report report, Path folder) throws IOException {
    Files.createDirectories(folder);
    Files.writeString(folder.resolve("bench.json"), report.json());
    Files.writeString(folder.resolve("bench.md"), report.markdown());
  }
}
