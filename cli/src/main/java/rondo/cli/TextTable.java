package rondo.cli;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** Rows in aligned columns. */
final class TextTable {
  private static final String GAP = "   ";

  private final List<List<String>> rows = new ArrayList<>();
  private final List<String> head;
  private String align = "l";

  TextTable(String... head) {
    this.head = List.of(head);
  }

  /** A letter a column, l for left and r for right; right after the last letter. */
  TextTable align(String letters) {
    align = letters;
    return this;
  }

  TextTable row(String... cells) {
    if (!head.isEmpty() && cells.length > head.size()) {
      throw new IllegalArgumentException(cells.length + " cells in a table of " + head.size());
    }
    rows.add(List.of(cells));
    return this;
  }

  /** A line across the table. */
  TextTable rule() {
    rows.add(List.of());
    return this;
  }

  @Override
  public String toString() {
    var all = new ArrayList<List<String>>();
    if (!head.isEmpty()) {
      all.add(head);
      all.add(List.of());
    }
    all.addAll(rows);
    int columns = all.stream().mapToInt(List::size).max().orElse(0);
    var widths = new int[columns];
    for (var row : all) {
      for (int i = 0; i < row.size(); i++) {
        widths[i] = Math.max(widths[i], width(row.get(i)));
      }
    }
    int total = Arrays.stream(widths).sum() + GAP.length() * Math.max(0, columns - 1);
    var lines = new ArrayList<String>();
    for (var row : all) {
      lines.add(row.isEmpty() ? "─".repeat(total) : line(row, widths));
    }
    return String.join("\n", lines);
  }

  private String line(List<String> row, int[] widths) {
    var line = new StringBuilder();
    for (int i = 0; i < row.size(); i++) {
      var cell = row.get(i);
      var space = " ".repeat(widths[i] - width(cell));
      line.append(i == 0 ? "" : GAP).append(isLeft(i) ? cell + space : space + cell);
    }
    return line.toString().stripTrailing();
  }

  private boolean isLeft(int column) {
    return column < align.length() && align.charAt(column) == 'l';
  }

  private static int width(String cell) {
    return cell.codePointCount(0, cell.length());
  }
}
