package rondo.cli;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import rondo.nn.RetrofitCheck;
import rondo.nn.checkpoint.BaseConfig;
import rondo.nn.checkpoint.ParameterCounts;
import rondo.nn.checkpoint.Surgery;
import tools.jackson.databind.node.ObjectNode;

/** What a retrofit is and how it compares, for people and for programs. */
final class RetrofitReport {
  private RetrofitReport() {}

  static String text(BaseConfig config, Surgery surgery, ParameterCounts counts, String adapter) {
    var dropped = surgery.dropped(config.layers());
    var table = new TextTable("part", "layers", "parameters").align("ll");
    table.row("prelude", layers(surgery.prelude()), Numbers.count(counts.prelude()));
    table.row("core", layers(surgery.core()), Numbers.count(counts.core()));
    table.row("coda", layers(surgery.coda()), Numbers.count(counts.coda()));
    table.row("adapter", adapter, Numbers.count(counts.adapter()));
    table.row("embedding", "", Numbers.count(counts.embedding()));
    table.row("head", config.tied() ? "untied" : "", Numbers.count(counts.head()));
    table.row("final norm", "", Numbers.count(counts.finalNorm()));
    table.rule();
    table.row("total", "", Numbers.count(counts.total()));
    table.row(
        "before", config.layers() + " layers", Numbers.count(ParameterCounts.of(config).total()));
    return table + "\n\ndropped layers: " + (dropped.isEmpty() ? "none" : layers(dropped));
  }

  static void put(ObjectNode json, BaseConfig config, Surgery surgery, ParameterCounts counts) {
    var cut = json.putObject("surgery");
    surgery.prelude().forEach(cut.putArray("prelude")::add);
    surgery.core().forEach(cut.putArray("core")::add);
    surgery.coda().forEach(cut.putArray("coda")::add);
    surgery.dropped(config.layers()).forEach(json.putArray("dropped")::add);
    json.set("parameters", PlanJson.counts(counts));
  }

  static String text(List<RetrofitCheck.Row> rows) {
    var table = new TextTable("hidden state after", "of layer", "max difference", "max value");
    table.align("lr");
    for (var row : rows) {
      table.row(
          row.part() + (row.agrees() ? "" : "  DIFFERS"),
          row.layer() < 0 ? "" : "" + row.layer(),
          number(row.difference()),
          number(row.largest()));
    }
    boolean agree = rows.stream().allMatch(RetrofitCheck.Row::agrees);
    return table
        + "\n\n"
        + (agree
            ? "the same as the base without its dropped layers"
            : "not the base without its dropped layers");
  }

  static void put(ObjectNode json, List<RetrofitCheck.Row> rows) {
    json.put("verified", rows.stream().allMatch(RetrofitCheck.Row::agrees));
    var check = json.putArray("check");
    for (var row : rows) {
      var item = check.addObject().put("part", row.part());
      if (row.layer() >= 0) {
        item.put("layer", row.layer());
      }
      item.put("max_difference", row.difference());
      item.put("max_value", row.largest());
      item.put("agrees", row.agrees());
    }
  }

  /** 0, 1.2e-05. */
  static String number(double value) {
    return value == 0 ? "0" : String.format(Locale.ROOT, "%.1e", value);
  }

  /** 0-3, 7. */
  static String layers(List<Integer> layers) {
    var parts = new ArrayList<String>();
    for (int i = 0; i < layers.size(); ) {
      int j = i;
      while (j + 1 < layers.size() && layers.get(j + 1) == layers.get(j) + 1) {
        j++;
      }
      parts.add(i == j ? "" + layers.get(i) : layers.get(i) + "-" + layers.get(j));
      i = j + 1;
    }
    return String.join(",", parts);
  }
}
