package rondo.bench;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import tools.jackson.databind.ObjectMapper;
import tools.jackson.databind.node.ObjectNode;

/** Everything measured in one run, as one JSON document and as Markdown tables. */
public record Report(Machine machine, List<Measurement> measurements, List<StepProfile> profiles) {
  public Report {
    measurements = List.copyOf(measurements);
    profiles = List.copyOf(profiles);
  }

  public String json() {
    var mapper = new ObjectMapper();
    var root = mapper.createObjectNode();
    facts().forEach(root::put);
    var list = root.putArray("measurements");
    for (var m : measurements) {
      var node = list.addObject();
      node.put("group", m.group()).put("subject", m.subject()).put("contender", m.contender());
      node.put("unit", m.unit().label()).put("median", m.median()).put("best", m.best());
      node.put("work", m.work());
      var seconds = node.putArray("seconds");
      m.timing().rounds().forEach(seconds::add);
    }
    var steps = root.putArray("profiles");
    profiles.forEach(p -> profile(p, steps.addObject()));
    return mapper.writerWithDefaultPrettyPrinter().writeValueAsString(root) + "\n";
  }

  private static void profile(StepProfile profile, ObjectNode node) {
    node.put("step", profile.step()).put("seconds", profile.seconds());
    var rows = node.putArray("operations");
    for (var row : profile.rows()) {
      var r = rows.addObject();
      r.put("program", row.program()).put("operation", row.operation()).put("runs", row.runs());
      r.put("seconds", row.seconds()).put("flops", row.flops()).put("bytes", row.bytes());
    }
  }

  private Map<String, String> facts() {
    var facts = new LinkedHashMap<String, String>();
    facts.put("date", machine.date());
    facts.put("commit", machine.commit());
    facts.put("processor", machine.processor() + ", " + machine.processors() + " processors");
    facts.put("threads", "" + machine.threads());
    facts.put("device", machine.device());
    facts.put("java", machine.java());
    facts.put("load before", machine.load());
    facts.put("clock", machine.clock().name().toLowerCase(Locale.ROOT));
    return facts;
  }

  public String markdown() {
    var out = new StringBuilder();
    facts()
        .forEach(
            (name, value) -> out.append("- ").append(name).append(": ").append(value).append('\n'));
    var groups = new LinkedHashMap<String, List<Measurement>>();
    for (var m : measurements) {
      groups.computeIfAbsent(m.group(), _ -> new ArrayList<>()).add(m);
    }
    groups.forEach((name, all) -> table(out, name, all));
    profiles.forEach(p -> out.append('\n').append(p.markdown()));
    return out.toString();
  }

  private static void table(StringBuilder out, String group, List<Measurement> all) {
    var contenders = new LinkedHashSet<String>();
    var subjects = new LinkedHashMap<String, Map<String, Measurement>>();
    for (var m : all) {
      contenders.add(m.contender());
      subjects.computeIfAbsent(m.subject(), _ -> new LinkedHashMap<>()).put(m.contender(), m);
    }
    var unit = all.getFirst().unit().label();
    out.append("\n### ").append(group).append("\n\n").append(unit);
    out.append(", median of rounds (best round); ratios are medians of each round's\n\n| |");
    contenders.forEach(c -> out.append(' ').append(c).append(" |"));
    var others = contenders.stream().filter(c -> !c.equals(Measurement.RONDO)).toList();
    others.forEach(c -> out.append(" Rondo ÷ ").append(c).append(" |"));
    out.append("\n|---|").append("---:|".repeat(contenders.size() + others.size())).append('\n');
    subjects.forEach((subject, row) -> {
      out.append("| ").append(subject).append(" |");
      for (var c : contenders) {
        var m = row.get(c);
        out.append(m == null ? " |" : " %s (%s) |".formatted(n(m.median()), n(m.best())));
      }
      var ours = row.get(Measurement.RONDO);
      for (var c : others) {
        var m = row.get(c);
        out.append(ours == null || m == null ? " |" : " " + digits(2, ours.ratioTo(m)) + " |");
      }
      out.append('\n');
    });
  }

  /** Three digits or so. */
  private static String n(double rate) {
    return digits(rate >= 100 ? 0 : rate >= 10 ? 1 : 2, rate);
  }

  /** With so many decimal places; the same in every locale. */
  static String digits(int places, double value) {
    return String.format(Locale.ROOT, "%,." + places + "f", value);
  }
}
