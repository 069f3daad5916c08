package rondo.cli;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * The program in a process of its own, to be hindered, asked to stop or killed. It hears signals
 * also where the tests run in the background of a script, whose shell lets them be ignored.
 */
final class Forked {
  private Forked() {}

  /**
   * Starts it.
   *
   * @param first what the shell does before, such as {@code ulimit -f 8}
   */
  static Process rondo(String first, Object... args) throws IOException {
    var command =
        new ArrayList<>(
            List.of(
                "bash",
                "-c",
                first + "; exec env --default-signal=HUP,INT,TERM \"$@\"",
                "bash",
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-XX:-UsePerfData",
                "-XX:TieredStopAtLevel=1",
                "--enable-native-access=ALL-UNNAMED",
                "-cp",
                System.getProperty(
                    "surefire.test.class.path", System.getProperty("java.class.path")),
                "rondo.cli.Main"));
    for (var arg : args) {
      command.add(arg.toString());
    }
    return new ProcessBuilder(command).redirectErrorStream(true).start();
  }
}
