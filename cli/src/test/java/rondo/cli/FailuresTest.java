package rondo.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.io.UncheckedIOException;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import picocli.CommandLine;
import picocli.CommandLine.Model.CommandSpec;
import rondo.nn.checkpoint.CheckpointException;
import rondo.nn.checkpoint.WriteException;

class FailuresTest {
  private static final Path FILE = Path.of("a", "b");

  /** Exit code and line. */
  private static String told(Exception e) {
    var err = new StringWriter();
    var command = new CommandLine(CommandSpec.create());
    int code =
        new Failures(new PrintWriter(err, true))
            .handleExecutionException(e, command, command.parseArgs());
    return code + " " + err.toString().strip();
  }

  @Test
  void whatCannotBeReadIsAWrongCallAndWhatCannotBeWrittenIsNot() {
    var full = new IOException("No space left on device");
    assertEquals("2 rondo: a/b: broken", told(new CheckpointException(FILE, "broken")));
    assertEquals(
        "1 rondo: a/b: cannot be written: No space left on device",
        told(new WriteException(FILE, full)));
  }

  @Test
  void theFileThatAWrapperNamesIsNotLost() {
    var full = new IOException("No space left on device");
    assertEquals(
        "1 rondo: a/b: No space left on device (--stacktrace shows where)",
        told(new UncheckedIOException("a/b: No space left on device", full)));
    assertEquals(
        "1 rondo: No space left on device (--stacktrace shows where)",
        told(new UncheckedIOException(full)));
    assertEquals(
        "2 rondo: a/b: no such file or folder",
        told(new UncheckedIOException(new NoSuchFileException("a/b"))));
  }
}
