package rondo.cli;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.List;
import org.junit.jupiter.api.Test;

class TextTest {
  @Test
  void columnsAreAligned() {
    var table = new TextTable("part", "n").row("core", "1,234").rule().row("a", "5");
    assertEquals(
        """
        part       n
        ────────────
        core   1,234
        ────────────
        a          5\
        """,
        table.toString());
    var left = new TextTable().align("ll").row("a", "b").row("cc", "d");
    assertEquals("a    b\ncc   d", left.toString());
  }

  @Test
  void numbersAreTheSameInEveryLocale() {
    assertEquals("1,385,228,288", Numbers.count(1_385_228_288L));
    assertEquals("5.16 GiB", Numbers.bytes(4 * 1_385_228_288L));
    assertEquals("100 B", Numbers.bytes(100));
    assertEquals("4.0480e20", Numbers.flops(4.0480e20));
    assertEquals("1.21988e21", Numbers.flops(1.21988e21));
    assertEquals("0.50 s", Numbers.duration(0.5));
    assertEquals("7 s", Numbers.duration(7));
    assertEquals("2 min 5 s", Numbers.duration(125));
    assertEquals("5 h 20 min", Numbers.duration(19_200));
    assertEquals("3.0 days", Numbers.duration(259_200));
    assertEquals("unknown", Numbers.duration(Double.POSITIVE_INFINITY));
  }

  @Test
  void layersAreShownAsRanges() {
    assertEquals("0-3,7,9-10", RetrofitReport.layers(List.of(0, 1, 2, 3, 7, 9, 10)));
  }

  @Test
  void theLikeliestTokensComeFirst() {
    assertArrayEquals(new int[] {2, 0}, TopTokens.of(new float[] {9, 9, 1, 0, 5}, 2, 3, 2));
  }

  @Test
  void aFailureStaysOneLineWhateverANameHolds() {
    assertEquals("a b [31m c", Failures.line("a\nb\u001b[31m\tc"));
  }

  @Test
  void progressElsewhereThanOnATerminalIsALineAMinuteAndTheLast() {
    var err = new StringWriter();
    var console = new Console(new PrintWriter(new StringWriter()), new PrintWriter(err), false);
    try (var progress = new Progress(console, "step")) {
      for (int i = 1; i <= 100; i++) {
        progress.update(i, 100, "loss 1");
      }
      progress.note("a remark");
    }
    assertEquals(List.of("step 100/100  loss 1", "a remark"), err.toString().lines().toList());
  }

  @Test
  void progressOnATerminalIsOneLineThatFits() {
    System.setProperty(Console.COLUMNS, "40");
    try {
      var err = new StringWriter();
      var console = new Console(new PrintWriter(new StringWriter()), new PrintWriter(err), false);
      try (var progress = new Progress(console, "step")) {
        progress.update(1, 100, "a detail that is longer than the line is wide");
        progress.note("a remark");
        progress.update(100, 100, "");
      }
      var shown = err.toString();
      assertTrue(shown.startsWith("\r"), shown);
      assertEquals(
          List.of("a remark"),
          shown.lines().map(TextTest::kept).filter(l -> !l.isEmpty()).toList());
      for (var line : shown.split("[\r\n]+", -1)) {
        assertTrue(line.replace("\u001b[K", "").length() < 40, line);
      }
      assertFalse(shown.contains("wide"));
    } finally {
      System.clearProperty(Console.COLUMNS);
    }
  }

  @Test
  void workAsideIsOnlyToldWhereItTakesLong() {
    var err = new StringWriter();
    var console = new Console(new PrintWriter(new StringWriter()), new PrintWriter(err), false);
    try (var progress = new Progress(console, "step")) {
      for (int i = 1; i <= 100; i++) {
        progress.aside("read row", i, 100, "of data");
      }
      progress.update(3, 3, "");
    }
    assertEquals(List.of("step 3/3"), err.toString().lines().toList());
  }

  @Test
  void aRateIsToldFromTheSecondTimeOn() {
    var err = new StringWriter();
    var console = new Console(new PrintWriter(new StringWriter()), new PrintWriter(err), false);
    try (var progress = new Progress(console, "row", true)) {
      progress.update(8, 8, "m");
      progress.update(10, 8, "m");
      progress.update(8, 8, "again");
    }
    var lines = err.toString().lines().toList();
    assertEquals("row 8/8  m", lines.get(0));
    assertTrue(lines.get(1).matches("row 10/8  [0-9,]+ rows/s  m"), lines.get(1));
    assertEquals("row 8/8  again", lines.get(2), "less than before begins anew");
  }

  /** What stays of a line: nothing of one that is rewritten. */
  private static String kept(String line) {
    int cleared = line.lastIndexOf("\u001b[K");
    return cleared < 0 ? line : line.substring(cleared + 3);
  }
}
