package rondo.train;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import rondo.engine.device.Devices;
import rondo.nn.checkpoint.WriteException;

/**
 * A run in a process of its own, with a checkpoint after every step unless told otherwise, to be
 * hindered or killed.
 */
final class ForkedRun {
  /** The exit code of a run whose checkpoint cannot be written. */
  static final int NOT_WRITTEN = 3;

  private ForkedRun() {}

  /**
   * Starts it.
   *
   * @param limit what the shell does first, such as {@code ulimit -f 20}
   */
  static Process start(Path recipe, String limit, String... overrides) throws IOException {
    var command =
        new ArrayList<>(
            List.of(
                "bash",
                "-c",
                limit + "; exec \"$@\"",
                "bash",
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-XX:-UsePerfData",
                "-XX:TieredStopAtLevel=1",
                "--enable-native-access=ALL-UNNAMED",
                "-cp",
                System.getProperty(
                    "surefire.test.class.path", System.getProperty("java.class.path")),
                ForkedRun.class.getName(),
                recipe.toString()));
    command.addAll(List.of(overrides));
    return new ProcessBuilder(command).redirectErrorStream(true).start();
  }

  public static void main(String[] arguments) {
    var overrides = new ArrayList<>(List.of("checkpoint.every=1"));
    overrides.addAll(List.of(arguments).subList(1, arguments.length));
    try (var device = Devices.open("auto", 1)) {
      var recipe = Recipe.read(Path.of(arguments[0]), overrides);
      try (var trainer = new Trainer(recipe, device, Listener.none())) {
        trainer.run();
      }
    } catch (WriteException e) {
      System.out.println(String.valueOf(e.getMessage()));
      System.exit(NOT_WRITTEN);
    }
  }
}
