package rondo.cli;

import java.io.IOException;
import java.nio.charset.MalformedInputException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Consumer;
import rondo.data.DataException;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.ObjectMapper;

/**
 * {@code metrics.jsonl} of a run, read for pictures: what a line has more than is known here does
 * no harm, and what it lacks is missing in the picture.
 */
record RunMetrics(String name, List<Step> steps) {
  private static final String FILE = "metrics.jsonl";
  private static final ObjectMapper JSON = new ObjectMapper();

  RunMetrics {
    steps = List.copyOf(steps);
  }

  /**
   * A line.
   *
   * @param values its numbers by key
   * @param overDepth its numbers by key and recurrences: {@code validation}, and each of {@code
   *     diagnostics}
   */
  record Step(
      long step, Map<String, Double> values, Map<String, TreeMap<Integer, Double>> overDepth) {
    double value(String key) {
      return values.getOrDefault(key, Double.NaN);
    }
  }

  /**
   * Reads the metrics of a run.
   *
   * @param given folder of the run, or the file
   * @param notes told what is left out
   * @throws DataException when there are none
   */
  static RunMetrics read(String name, Path given, Consumer<String> notes) {
    var file = Files.isDirectory(given) ? given.resolve(FILE) : given;
    if (!Files.isRegularFile(file)) {
      throw new DataException(
          Files.exists(given)
              ? given + ": has no " + FILE + "; expected the folder of a training run"
              : given + ": no such run; expected a folder with " + FILE);
    }
    var steps = new TreeMap<Long, Step>();
    int number = 0;
    int broken = 0;
    int first = 0;
    for (var line : lines(file)) {
      number++;
      if (line.isBlank()) {
        continue;
      }
      try {
        var json = JSON.readTree(line);
        if (json.path("step").isIntegralNumber()) {
          var step = step(json);
          steps.put(step.step, step);
          continue;
        }
      } catch (JacksonException _) {
        // Counted below, like a line without a step.
      }
      first = broken++ == 0 ? number : first;
    }
    if (broken > 0) {
      notes.accept(
          "%s: left out %d line%s that %s no step, the first of them line %d"
              .formatted(file, broken, broken == 1 ? "" : "s", broken == 1 ? "is" : "are", first));
    }
    if (steps.isEmpty()) {
      throw new DataException(file + ": has no step; expected a line for each");
    }
    return new RunMetrics(name, List.copyOf(steps.values()));
  }

  private static List<String> lines(Path file) {
    try {
      return Files.readAllLines(file);
    } catch (MalformedInputException e) {
      throw new DataException(file + ": is no text; expected a JSON object a line", e);
    } catch (IOException e) {
      throw new DataException(file + ": cannot be read: " + e.getMessage(), e);
    }
  }

  private static Step step(JsonNode line) {
    var values = new TreeMap<String, Double>();
    var overDepth = new TreeMap<String, TreeMap<Integer, Double>>();
    for (var e : line.properties()) {
      if (e.getValue().isNumber()) {
        values.put(e.getKey(), e.getValue().asDouble());
      } else if (e.getValue().isObject()) {
        addDepths(overDepth, e.getKey(), e.getValue());
        for (var inner : e.getValue().properties()) { // diagnostics
          if (inner.getValue().isObject()) {
            addDepths(overDepth, inner.getKey(), inner.getValue());
          }
        }
      }
    }
    return new Step(line.path("step").asLong(), values, overDepth);
  }

  private static void addDepths(
      Map<String, TreeMap<Integer, Double>> to, String key, JsonNode byDepth) {
    var found = new TreeMap<Integer, Double>();
    for (var e : byDepth.properties()) {
      if (e.getValue().isNumber() && e.getKey().matches("\\d{1,6}")) {
        found.put(Integer.parseInt(e.getKey()), e.getValue().asDouble());
      }
    }
    if (!found.isEmpty()) {
      to.put(key, found);
    }
  }

  /** Values of {@code y} over those of {@code x}, where a line has both. */
  Points over(String x, String y) {
    var xs = new ArrayList<Double>();
    var ys = new ArrayList<Double>();
    for (var step : steps) {
      double a = x.equals("step") ? step.step + 1 : step.value(x);
      double b = step.value(y);
      if (Double.isFinite(a) && Double.isFinite(b)) {
        xs.add(a);
        ys.add(b);
      }
    }
    return new Points(xs, ys);
  }

  /** What was last measured over recurrences from 1 on; empty when never. */
  Points lastOverDepth(String key) {
    for (var step : steps.reversed()) {
      var byDepth = step.overDepth.getOrDefault(key, new TreeMap<>());
      if (!byDepth.isEmpty() && byDepth.lastKey() > 0) {
        var known = new TreeMap<>(byDepth.tailMap(1));
        return new Points(
            known.keySet().stream().map(Integer::doubleValue).toList(),
            List.copyOf(known.values()));
      }
    }
    return new Points(List.of(), List.of());
  }

  /** The last measured value of a model without recurrences; no number when never. */
  double lastWithoutDepth(String key) {
    for (var step : steps.reversed()) {
      var byDepth = step.overDepth.getOrDefault(key, new TreeMap<>());
      if (byDepth.containsKey(0)) {
        return byDepth.get(0);
      }
    }
    return Double.NaN;
  }

  /** What was measured at the most recurrences, over {@code x}. */
  Points deepestOver(String x, String key) {
    var xs = new ArrayList<Double>();
    var ys = new ArrayList<Double>();
    for (var step : steps) {
      var byDepth = step.overDepth.get(key);
      double a = x.equals("step") ? step.step + 1 : step.value(x);
      if (byDepth != null && Double.isFinite(a)) {
        xs.add(a);
        ys.add(byDepth.lastEntry().getValue());
      }
    }
    return new Points(xs, ys);
  }

  /** Points of a curve, in the order of x. */
  record Points(List<Double> xs, List<Double> ys) {
    Points {
      xs = List.copyOf(xs);
      ys = List.copyOf(ys);
    }

    boolean isEmpty() {
      return xs.isEmpty();
    }

    /** Means over at most {@code most} equal parts: a picture has no room for more. */
    Points thinned(int most) {
      int size = xs.size();
      if (size <= most) {
        return this;
      }
      var x = new ArrayList<Double>();
      var y = new ArrayList<Double>();
      for (int i = 0; i < most; i++) {
        int from = (int) ((long) i * size / most);
        int to = (int) ((long) (i + 1) * size / most);
        x.add(mean(xs, from, to));
        y.add(mean(ys, from, to));
      }
      return new Points(x, y);
    }

    /**
     * Means over a window around each point. It is shorter near the start, where values fall
     * steeply, and one-sided near the end, where they are level.
     */
    Points smoothed(int window) {
      var sums = new double[ys.size() + 1];
      for (int i = 0; i < ys.size(); i++) {
        sums[i + 1] = sums[i] + ys.get(i);
      }
      var y = new ArrayList<Double>();
      for (int i = 0; i < ys.size(); i++) {
        int half = Math.min(window / 2, i);
        int from = i - half;
        int to = Math.min(i + half + 1, ys.size());
        y.add((sums[to] - sums[from]) / (to - from));
      }
      return new Points(xs, y);
    }

    private static double mean(List<Double> values, int from, int to) {
      return values.subList(from, to).stream().mapToDouble(v -> v).average().orElse(Double.NaN);
    }
  }
}
