package rondo.cli;

import java.io.PrintWriter;
import tools.jackson.databind.ObjectMapper;
import tools.jackson.databind.node.ObjectNode;

/** Results go to standard output, remarks to standard error. */
final class Console {
  /** Set by the launcher to the terminal's width where standard error is a terminal. */
  static final String COLUMNS = "rondo.columns";

  private static final ObjectMapper JSON = new ObjectMapper();

  private final PrintWriter out;
  private final PrintWriter err;
  private final boolean json;

  Console(PrintWriter out, PrintWriter err, boolean json) {
    this.out = out;
    this.err = err;
    this.json = json;
  }

  static ObjectNode object() {
    return JSON.createObjectNode();
  }

  /** Columns of the terminal behind standard error; 0 when it is a file or a pipe. */
  static int columns() {
    return Integer.getInteger(COLUMNS, 0);
  }

  /** A remark, one line. */
  void note(String line) {
    err.println(Failures.line(line));
    err.flush();
  }

  /** Rewrites the terminal's current line. */
  void live(String line) {
    err.print("\r" + line + "\u001b[K");
    err.flush();
  }

  /** What a person reads: nothing where a program asked for JSON. */
  void text(String lines) {
    if (!json) {
      out.println(lines);
      out.flush();
    }
  }

  /** What a program reads: the one document. */
  void json(ObjectNode document) {
    if (json) {
      out.println(JSON.writerWithDefaultPrettyPrinter().writeValueAsString(document));
      out.flush();
    }
  }
}
