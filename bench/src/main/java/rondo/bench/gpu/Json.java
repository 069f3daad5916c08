package rondo.bench.gpu;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Map;
import tools.jackson.databind.ObjectMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/** The scheme that this side and the Python side write: facts, method, figures, what is missing. */
final class Json {
  static final ObjectMapper MAPPER = new ObjectMapper();

  private Json() {}

  static void write(Path file, Lab lab, Map<String, String> facts, double took) throws IOException {
    var root = MAPPER.createObjectNode();
    root.put("program", "rondo.bench.gpu");
    facts.forEach(root.putObject("facts")::put);
    root.put("method", Lab.METHOD).put("took", took);
    var figures = root.putArray("figures");
    lab.figures().forEach(f -> add(figures, f));
    var skipped = root.putArray("skipped");
    for (var s : lab.skipped()) {
      head(skipped.addObject(), s.part(), s.preset(), s.subject(), s.type(), s.contender())
          .put("reason", s.reason());
    }
    Files.writeString(
        file, MAPPER.writerWithDefaultPrettyPrinter().writeValueAsString(root) + "\n");
  }

  private static void add(ArrayNode to, Figure f) {
    var node = head(to.addObject(), f.part(), f.preset(), f.subject(), f.type(), f.contender());
    node.put("seconds", f.seconds());
    f.rounds().forEach(node.putArray("rounds")::add);
    node.put("repetitions", f.repetitions()).put("recorded", f.recorded());
    node.put("work", f.work()).put("unit", f.unit().name().toLowerCase(Locale.ROOT));
    if (f.floor() != null) {
      node.put("floor", f.floor());
    }
  }

  private static ObjectNode head(
      ObjectNode node, String part, String preset, String subject, String type, String contender) {
    node.put("part", part).put("preset", preset).put("subject", subject);
    return node.put("type", type).put("contender", contender);
  }
}
