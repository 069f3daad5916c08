package rondo.cli;

import java.io.PrintWriter;
import java.io.UncheckedIOException;
import java.nio.file.FileSystemException;
import java.nio.file.NoSuchFileException;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.ParseResult;
import picocli.CommandLine.UnmatchedArgumentException;
import rondo.data.DataException;
import rondo.data.hub.HubException;
import rondo.nn.checkpoint.CheckpointException;
import rondo.nn.checkpoint.WriteException;

/** What a failure says, in one line, and which exit code it has. */
final class Failures
    implements CommandLine.IParameterExceptionHandler, CommandLine.IExecutionExceptionHandler {
  private static final int LONGEST = 2000;

  private final PrintWriter err;

  Failures(PrintWriter err) {
    this.err = err;
  }

  @Override
  public int handleParseException(ParameterException e, String[] args) {
    var name = e.getCommandLine().getCommandSpec().qualifiedName();
    var message = new StringBuilder(String.valueOf(e.getMessage()));
    if (e instanceof UnmatchedArgumentException unmatched) {
      var suggestions = unmatched.getSuggestions();
      if (!suggestions.isEmpty()) {
        message.append("; did you mean ").append(String.join(" or ", suggestions)).append("?");
      }
    }
    err.println("rondo: " + line(message.toString()) + " (" + name + " --help)");
    return 2;
  }

  @Override
  public int handleExecutionException(Exception e, CommandLine command, ParseResult parsed) {
    if (e instanceof ParameterException wrong) {
      return handleParseException(wrong, new String[0]);
    }
    int code = isWrongCall(e) ? 2 : 1;
    boolean traced = command.getCommand() instanceof Work work && work.common.stacktrace;
    err.println("rondo: " + line(message(e)) + (code == 1 && !traced ? hint(e) : ""));
    if (traced) {
      e.printStackTrace(err);
    }
    return code;
  }

  int outOfMemory(OutOfMemoryError e) {
    err.println(
        "rondo: not enough memory ("
            + line(String.valueOf(e.getMessage()))
            + "): take a smaller --batch or model, or more Java heap with RONDO_JAVA_OPTS=-Xmx…");
    return 1;
  }

  private static boolean isWrongCall(Exception e) {
    return switch (e) {
      case IllegalArgumentException _ -> true;
      case WriteException _ -> false;
      case CheckpointException _ -> true;
      case DataException _ -> true;
      case HubException hub -> hub.isRefused();
      case NoSuchFileException _ -> true;
      case UncheckedIOException u -> u.getCause() instanceof NoSuchFileException;
      default -> false;
    };
  }

  /** Only unexpected failures are worth a look at their stack. */
  private static String hint(Exception e) {
    return e.getClass().getName().startsWith("rondo.") ? "" : " (--stacktrace shows where)";
  }

  private static String message(Exception e) {
    Throwable shown = e instanceof UncheckedIOException && !saysMore(e) ? cause(e) : e;
    @Nullable String message = shown.getMessage();
    return switch (shown) {
      case NoSuchFileException _ -> message + ": no such file or folder";
      case FileSystemException _ when message != null && message.indexOf(' ') < 0 ->
          message + ": " + shown.getClass().getSimpleName();
      default -> message == null || message.isBlank() ? shown.getClass().getSimpleName() : message;
    };
  }

  /** Whether a message is more than that of the cause: mostly, it names the file. */
  private static boolean saysMore(Exception e) {
    return e.getMessage() != null && !e.getMessage().equals(String.valueOf(e.getCause()));
  }

  private static Throwable cause(Exception e) {
    return e.getCause() == null ? e : e.getCause();
  }

  /** Names come from files: nothing in them may start a second line or move a cursor. */
  static String line(String text) {
    var line = new StringBuilder();
    for (int i = 0; i < Math.min(text.length(), LONGEST); i++) {
      char c = text.charAt(i);
      line.append(Character.isISOControl(c) ? ' ' : c);
    }
    return line.toString().strip();
  }
}
