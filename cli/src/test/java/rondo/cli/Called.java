package rondo.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import tools.jackson.databind.DeserializationFeature;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** The program called in this process: its exit code and what it printed. */
record Called(int code, String out, String err) {
  private static final JsonMapper JSON =
      JsonMapper.builder().enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS).build();

  static Called rondo(Object... args) {
    var words = new ArrayList<String>();
    for (var arg : args) {
      words.add(arg.toString());
    }
    var out = new StringWriter();
    var err = new StringWriter();
    int code =
        Main.run(
            new PrintWriter(out, true), new PrintWriter(err, true), words.toArray(new String[0]));
    return new Called(code, out.toString(), err.toString());
  }

  Called works() {
    assertEquals(0, code, err);
    return this;
  }

  /**
   * Fails as a wrong call does: exit code 2, nothing on standard output, one line that says why.
   */
  String wrong() {
    assertEquals(2, code, err);
    assertEquals("", out);
    var lines = err.lines().filter(line -> !line.startsWith("device ")).toList();
    assertEquals(1, lines.size(), err);
    assertTrue(lines.getFirst().startsWith("rondo: "), err);
    assertFalse(lines.getFirst().contains("Exception"), err);
    return lines.getFirst();
  }

  /** Standard output as the one JSON document that it must be. */
  JsonNode json() {
    works();
    return JSON.readTree(out);
  }

  /** A JSON document. */
  static JsonNode parsed(String text) {
    return JSON.readTree(text);
  }

  /** A file of the folder {@code shared} beside the project; without it the test is skipped. */
  static Path shared(String... names) {
    Path file = Path.of(System.getProperty("rondo.shared", "../../shared"), names);
    assumeTrue(Files.exists(file), file + " is absent (-Drondo.shared=FOLDER)");
    return file;
  }

  /** The words of all lines that begin with {@code first}. */
  static List<String> row(String text, String first) {
    return text.lines()
        .filter(line -> line.startsWith(first + " "))
        .map(line -> line.replaceAll(" {2,}", " ").strip())
        .toList();
  }
}
