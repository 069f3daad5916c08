package rondo.nn.checkpoint;

import java.io.IOException;
import java.io.Serial;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;

/**
 * A checkpoint that cannot be read or written: the message is one line naming the file and the
 * fault.
 */
public sealed class CheckpointException extends RuntimeException permits WriteException {
  @Serial private static final long serialVersionUID = 1L;

  private static final int LONGEST_MESSAGE = 1000;

  public CheckpointException(Path where, String problem) {
    super(oneLine(where + ": " + problem));
  }

  public CheckpointException(Path where, String problem, Throwable cause) {
    super(oneLine(where + ": " + problem), cause);
  }

  /**
   * The fault of an input or output operation, in words: some of Java's messages are the bare path.
   */
  public static String reason(IOException e) {
    return switch (e) {
      case NoSuchFileException _ -> "no such file or folder";
      case AccessDeniedException _ -> "permission denied";
      case FileAlreadyExistsException _ -> "there is a file of that name";
      case FileSystemException f when f.getReason() != null -> String.valueOf(f.getReason());
      default -> e.getMessage() == null ? e.getClass().getSimpleName() : e.getMessage();
    };
  }

  /**
   * Names come from files: no control character of theirs may reach a terminal or start a second
   * line.
   */
  static String oneLine(String text) {
    StringBuilder line = new StringBuilder();
    int end = Math.min(text.length(), LONGEST_MESSAGE);
    for (int i = 0; i < end; i++) {
      char c = text.charAt(i);
      int kind = Character.getType(c);
      boolean printable =
          kind != Character.CONTROL
              && kind != Character.FORMAT
              && kind != Character.LINE_SEPARATOR
              && kind != Character.PARAGRAPH_SEPARATOR;
      line.append(printable ? String.valueOf(c) : String.format("\\u%04x", (int) c));
    }
    return end < text.length() ? line + "…" : line.toString();
  }
}
