package rondo.cli;

import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;
import rondo.engine.device.Device;
import rondo.engine.device.Devices;
import rondo.engine.graph.DType;

/** What every command is: options that all share, a console, a device. */
abstract class Work implements Callable<Integer> {
  /** The options that every command has. */
  static final class Common {
    @Option(
        names = "--device",
        paramLabel = "NAME",
        description = "auto, cpu, plain, cuda:N or emulated (default: auto).")
    String device = "auto";

    @Option(
        names = "--threads",
        paramLabel = "N",
        description = "Worker threads of the CPU (default: one per processor).")
    int threads;

    @Option(
        names = "--seed",
        paramLabel = "N",
        description = "Seed of everything random (default: the recipe's, or one told above, or 0).")
    @Nullable Long seed;

    @Option(names = "--json", description = "Print one JSON document on standard output.")
    boolean json;

    @Option(names = "--stacktrace", description = "Show where a failure happened.")
    boolean stacktrace;

    @Option(
        names = {"-h", "--help"},
        usageHelp = true,
        description = "Show this help.")
    boolean help;

    long seed() {
      return seed == null ? 0 : seed;
    }
  }

  @ArgGroup(validate = false, order = 100, heading = "%nEverywhere:%n")
  final Common common = new Common();

  @Spec final CommandSpec spec = CommandSpec.create();

  abstract void run(Console console) throws Exception;

  /** The exit code after {@link #run}. */
  int exitCode() {
    return 0;
  }

  @Override
  public final Integer call() throws Exception {
    var console =
        new Console(spec.commandLine().getOut(), spec.commandLine().getErr(), common.json);
    run(console);
    return exitCode();
  }

  /** Opens the device asked for and tells which one it is and, where it was left open, why. */
  final Device open(Console console) {
    if (common.threads < 0) {
      throw new IllegalArgumentException("--threads " + common.threads + ": expected at least 1");
    }
    Device device;
    try {
      device = Devices.open(common.device, common.threads);
    } catch (IllegalStateException e) { // It is there for nobody here: another one must be named.
      throw new IllegalArgumentException(e.getMessage(), e);
    }
    var what = device.describe();
    var prefix = device.name() + ": ";
    var plain = what.startsWith(prefix) ? what.substring(prefix.length()) : what;
    console.note("device " + prefix + plain + why(device));
    return device;
  }

  /** As {@link #open(Console)}, of a device that has these activations. */
  final Device open(Console console, DType activations) {
    var device = open(console);
    if (activations == DType.BF16 && !device.hasBf16()) {
      device.close();
      throw new IllegalArgumentException(
          "--precision bf16: expected f32 on " + device.name() + ": bf16 needs a GPU");
    }
    return device;
  }

  /** Why the quicker devices were passed over. */
  private static String why(Device device) {
    var reasons = new StringBuilder();
    for (var report : device.passedOver()) {
      reasons.append("; not ").append(report.name()).append(": ").append(report.detail());
    }
    return reasons.toString();
  }
}
