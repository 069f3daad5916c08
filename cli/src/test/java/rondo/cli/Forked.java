package rondo.cli;

import java.io.File;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Predicate;
import java.util.stream.Collectors;
import java.util.stream.Stream;

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
    return rondo(first, _ -> true, args);
  }

  /** The same with a part of the class path, as a bundle has it. */
  static Process rondo(String first, Predicate<String> jars, Object... args) throws IOException {
    var all = System.getProperty("surefire.test.class.path", System.getProperty("java.class.path"));
    var part = Stream.of(all.split(File.pathSeparator, -1)).filter(jars);
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
                part.collect(Collectors.joining(File.pathSeparator)),
                "rondo.cli.Main"));
    for (var arg : args) {
      command.add(arg.toString());
    }
    return new ProcessBuilder(command).redirectErrorStream(true).start();
  }
}
