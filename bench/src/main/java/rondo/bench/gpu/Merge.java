package rondo.bench.gpu;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import rondo.bench.Measurement;
import rondo.bench.Options;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * Joins what {@code gpu-check.sh} left in a folder to {@code gpu-check.json} and {@code
 * gpu-check.md}: the lines of {@code facts.tsv} (name, value) and {@code parts.tsv} (part, result,
 * seconds, detail), and every figure of the other JSON documents.
 */
public final class Merge {
  private static final String RESULT = "gpu-check";

  private Merge() {}

  /** Takes {@code --in FOLDER}. */
  public static void main(String[] arguments) throws IOException {
    var options = new Options(arguments, Set.of("in"));
    var folder = Path.of(options.text("in", "."));
    var root = Json.MAPPER.createObjectNode();
    var facts = root.putObject("facts");
    for (var line : lines(folder.resolve("facts.tsv"))) {
      facts.put(line.getFirst(), line.size() > 1 ? line.get(1) : "");
    }
    var parts = root.putArray("parts");
    for (var line : lines(folder.resolve("parts.tsv"))) {
      var part = parts.addObject();
      var names = List.of("part", "result", "seconds", "detail");
      for (int i = 0; i < line.size() && i < names.size(); i++) {
        part.put(names.get(i), line.get(i));
      }
    }
    var runs = root.putArray("runs");
    for (var document : documents(folder)) {
      runs.add(document);
    }
    var text = Json.MAPPER.writerWithDefaultPrettyPrinter().writeValueAsString(root) + "\n";
    Files.writeString(folder.resolve(RESULT + ".json"), text);
    Files.writeString(folder.resolve(RESULT + ".md"), markdown(root));
  }

  private static List<List<String>> lines(Path file) throws IOException {
    return Files.isRegularFile(file)
        ? Files.readAllLines(file).stream().map(l -> List.of(l.split("\t"))).toList()
        : List.of();
  }

  /** Rondo's first, so that the limits found are its own. */
  private static List<JsonNode> documents(Path folder) throws IOException {
    var all = new ArrayList<JsonNode>();
    try (var files = Files.list(folder)) {
      for (var file : files.sorted().toList()) {
        var name = String.valueOf(file.getFileName());
        if (name.endsWith(".json") && !name.startsWith(RESULT) && !name.startsWith("jmh")) {
          var document = Json.MAPPER.readTree(Files.readString(file));
          if (document.has("figures")) {
            ((ObjectNode) document).put("file", name);
            all.add(document);
          }
        }
      }
    }
    all.sort((a, b) -> Boolean.compare(isPeer(a), isPeer(b)));
    return all;
  }

  private static boolean isPeer(JsonNode document) {
    return !document.path("program").asString("").startsWith("rondo");
  }

  // ---- Markdown

  /** What identifies a row, and its figures by contender. */
  private record Row(String part, String preset, String subject, String type) {}

  private static String markdown(ObjectNode root) {
    var out = new StringBuilder("# GPU check\n\n");
    root.get("facts")
        .properties()
        .forEach(e -> out.append("- %s: %s\n".formatted(e.getKey(), e.getValue().asString(""))));
    out.append("\n| part | result | seconds | |\n|---|---|---:|---|\n");
    for (var p : root.get("parts")) {
      out.append(
          "| %s | %s | %s | %s |\n"
              .formatted(
                  text(p, "part"), text(p, "result"), text(p, "seconds"), text(p, "detail")));
    }
    var rows = new LinkedHashMap<Row, Map<String, JsonNode>>();
    var skipped = new ArrayList<String>();
    var told = new HashSet<String>();
    for (var run : root.get("runs")) {
      var how = told.add(text(run, "method")) ? text(run, "method") : "as above";
      out.append("\n%s, %s: %s\n".formatted(text(run, "file"), text(run, "program"), how));
      for (var f : run.get("figures")) {
        var row = new Row(text(f, "part"), text(f, "preset"), text(f, "subject"), text(f, "type"));
        rows.computeIfAbsent(row, _ -> new LinkedHashMap<>()).put(text(f, "contender"), f);
      }
      for (var s : run.path("skipped")) {
        skipped.add(
            "%s %s %s %s, %s: %s"
                .formatted(
                    text(s, "part"),
                    text(s, "preset"),
                    text(s, "subject"),
                    text(s, "type"),
                    text(s, "contender"),
                    text(s, "reason")));
      }
    }
    tables(out, rows);
    if (!skipped.isEmpty()) {
      out.append("\n## Not measured\n\n");
      skipped.forEach(s -> out.append("- ").append(s).append('\n'));
    }
    return out.toString();
  }

  private static void tables(StringBuilder out, Map<Row, Map<String, JsonNode>> rows) {
    double copy = limit(rows, "copy");
    double product = limit(rows, "product");
    for (var part : rows.keySet().stream().map(Row::part).distinct().toList()) {
      var others = others(rows, part);
      out.append("\n## ").append(part).append("\n\n");
      out.append("| preset | | type | Rondo, µs | rate | of the limit | floor ÷ time |");
      others.forEach(o -> out.append(" %s | Rondo ÷ it |".formatted(o)));
      out.append("\n|---|---|---|---:|---:|---:|---:|").append("---:|---:|".repeat(others.size()));
      out.append('\n');
      rows.forEach((row, by) -> {
        if (row.part.equals(part)) {
          out.append(line(row, by, others, copy, product));
        }
      });
    }
    out.append("\nLimits are this run's own copy and product of large matrices; a floor is what a");
    out.append(" step must read over the copy's rate. Rondo ÷ it compares rates.\n");
  }

  /**
   * Who but Rondo has figures of a part: each gets columns of its own, so that no goal is hidden.
   */
  private static List<String> others(Map<Row, Map<String, JsonNode>> rows, String part) {
    return rows.entrySet().stream()
        .filter(e -> e.getKey().part.equals(part))
        .flatMap(e -> e.getValue().keySet().stream())
        .filter(contender -> !contender.equals(Measurement.RONDO))
        .distinct()
        .toList();
  }

  private static double limit(Map<Row, Map<String, JsonNode>> rows, String subject) {
    for (var entry : rows.entrySet()) {
      var ours = entry.getValue().get(Measurement.RONDO);
      if (entry.getKey().part.equals("limits")
          && entry.getKey().subject.startsWith(subject)
          && ours != null) {
        return rate(ours);
      }
    }
    return Double.NaN;
  }

  private static String line(
      Row row, Map<String, JsonNode> by, List<String> others, double copy, double product) {
    var ours = by.get(Measurement.RONDO);
    var unit = text(by.values().iterator().next(), "unit");
    double limit = unit.equals("bytes") ? copy : unit.equals("flops") ? product : Double.NaN;
    boolean comparable = !row.type.equals("f32") || unit.equals("bytes");
    var line =
        new StringBuilder(
            "| %s | %s | %s | %s | %s | %s | %s |"
                .formatted(
                    row.preset,
                    row.subject,
                    row.type,
                    ours == null ? "" : digits(1, seconds(ours) * 1e6),
                    ours == null ? "" : rate(ours, unit),
                    ours == null || !comparable ? "" : digits(2, rate(ours) / limit),
                    ours == null || !ours.has("floor")
                        ? ""
                        : digits(2, ours.get("floor").asDouble() / seconds(ours))));
    for (var other : others) {
      var theirs = by.get(other);
      line.append(
          " %s | %s |"
              .formatted(
                  theirs == null ? "" : rate(theirs, unit),
                  ours == null || theirs == null ? "" : digits(2, rate(ours) / rate(theirs))));
    }
    return line.append('\n').toString();
  }

  private static double seconds(JsonNode figure) {
    return figure.get("seconds").asDouble();
  }

  private static double rate(JsonNode figure) {
    return figure.get("work").asDouble() / seconds(figure);
  }

  private static String rate(JsonNode figure, String unit) {
    return switch (unit) {
      case "bytes" -> digits(3, rate(figure) / 1e12) + " TB/s";
      case "flops" -> digits(1, rate(figure) / 1e12) + " TFLOP/s";
      default -> digits(1, rate(figure)) + " " + unit + "/s";
    };
  }

  private static String digits(int places, double value) {
    return Double.isFinite(value) ? String.format(Locale.ROOT, "%,." + places + "f", value) : "";
  }

  private static String text(JsonNode node, String name) {
    return node.path(name).asString("");
  }
}
