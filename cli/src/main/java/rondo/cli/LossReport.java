package rondo.cli;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.TreeSet;
import rondo.nn.checkpoint.ModelConfig;
import rondo.nn.checkpoint.ParameterCounts;
import rondo.train.LossOverDepth;
import tools.jackson.databind.node.ObjectNode;

/** Losses over recurrences, of one model or of several side by side. */
final class LossReport {
  private final List<Measured> measured;
  private final String data;

  /**
   * A model's losses.
   *
   * @param rows one for each depth; a single one at 0 recurrences for a fixed-depth model
   */
  record Measured(
      String name,
      Path folder,
      ModelConfig config,
      LossOverDepth.Settings settings,
      List<LossOverDepth.Row> rows) {
    boolean isFixed() {
      return rows.getFirst().recurrences() == 0;
    }

    long parameters() {
      return ParameterCounts.of(config).total();
    }

    long tokens() {
      return rows.getFirst().tokens();
    }
  }

  /**
   * What was measured.
   *
   * @param data what it was measured on, as pictures call it
   */
  LossReport(List<Measured> measured, String data) {
    this.measured = List.copyOf(measured);
    this.data = data;
  }

  String table() {
    return (measured.size() == 1 ? single(measured.getFirst()) : several()).toString();
  }

  /** A line a depth. */
  private static TextTable single(Measured of) {
    var table = new TextTable("recurrences", "loss", "perplexity", "tokens");
    for (var row : of.rows) {
      table.row(
          of.isFixed() ? "fixed depth" : String.valueOf(row.recurrences()),
          Numbers.decimal(row.loss(), 5),
          Numbers.decimal(Math.exp(row.loss()), 3),
          Numbers.count(row.tokens()));
    }
    return table;
  }

  /** A line a model, a column a depth; losses in nats per token. */
  private TextTable several() {
    var depths = new TreeSet<Integer>();
    measured.forEach(m -> m.rows.forEach(row -> depths.add(row.recurrences())));
    var head = new ArrayList<>(List.of("loss", "parameters"));
    depths.forEach(r -> head.add(r == 0 ? "fixed depth" : "r = " + r));
    var table = new TextTable(head.toArray(String[]::new));
    for (var m : measured) {
      var cells = new ArrayList<>(List.of(m.name, Numbers.count(m.parameters())));
      for (int r : depths) {
        cells.add(
            m.rows.stream()
                .filter(row -> row.recurrences() == r)
                .map(row -> Numbers.decimal(row.loss(), 4))
                .findAny()
                .orElse(""));
      }
      table.row(cells.toArray(String[]::new));
    }
    return table;
  }

  /** One model's document, or those of several under {@code models}. */
  ObjectNode json(Path file) {
    if (measured.size() == 1) {
      return json(measured.getFirst(), file);
    }
    var json = Console.object();
    var models = json.putArray("models");
    for (var m : measured) {
      models.add(Console.object().put("name", m.name).setAll(json(m, file)));
    }
    return json;
  }

  private static ObjectNode json(Measured of, Path file) {
    var json = Console.object();
    json.put("model", of.folder.toString());
    json.put("data", file.toString());
    json.put("parameters", of.parameters());
    json.put("sequence_length", of.settings.sequenceLength());
    json.put("tokens", of.tokens());
    if (!of.isFixed()) {
      json.put("initial_state", of.settings.randomState() ? "random" : "zero");
    }
    var losses = json.putArray("losses");
    for (var row : of.rows) {
      var item = losses.addObject();
      if (of.isFixed()) {
        item.putNull("recurrences");
      } else {
        item.put("recurrences", row.recurrences());
      }
      item.put("loss", row.loss()).put("tokens", row.tokens());
    }
    return json;
  }

  Charts.Figure figure() {
    var lines = new ArrayList<Charts.Line>();
    var levels = new ArrayList<Charts.Level>();
    for (var m : measured) {
      if (m.isFixed()) {
        levels.add(new Charts.Level(m.name + " (fixed depth)", m.rows.getFirst().loss()));
      } else {
        lines.add(
            new Charts.Line(
                m.name,
                m.rows.stream().mapToDouble(LossOverDepth.Row::recurrences).toArray(),
                m.rows.stream().mapToDouble(LossOverDepth.Row::loss).toArray()));
      }
    }
    return Charts.loss(
        "Loss over recurrences",
        Numbers.count(measured.getFirst().tokens()) + " tokens of " + data,
        lines,
        levels);
  }
}
