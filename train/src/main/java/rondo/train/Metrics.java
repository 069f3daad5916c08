package rondo.train;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.io.Writer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import rondo.nn.checkpoint.AtomicFiles;
import tools.jackson.databind.ObjectMapper;
import tools.jackson.databind.node.ObjectNode;

/** {@code metrics.jsonl}: one line a step, flushed as written, cut back to the step of a resume. */
final class Metrics implements AutoCloseable {
  static final String FILE = "metrics.jsonl";
  private static final ObjectMapper JSON = new ObjectMapper();

  private final Writer writer;

  /** Opens the file of a run that goes on after {@code step} steps. */
  Metrics(Path out, long step) {
    var file = out.resolve(FILE);
    try {
      if (Files.exists(file)) {
        cut(file, step);
      }
      writer =
          Files.newBufferedWriter(
              file, StandardCharsets.UTF_8, StandardOpenOption.CREATE, StandardOpenOption.APPEND);
    } catch (IOException e) {
      throw new UncheckedIOException(file + ": " + e.getMessage(), e);
    }
  }

  /** Keeps whole lines of steps before {@code step}. */
  private static void cut(Path file, long step) throws IOException {
    var kept = new ArrayList<String>();
    for (var line : Files.readAllLines(file)) {
      try {
        if (JSON.readTree(line).path("step").asLong(Long.MAX_VALUE) < step) {
          kept.add(line);
        }
      } catch (tools.jackson.core.JacksonException e) {
        break; // the line that a kill cut short, and nothing follows it
      }
    }
    var text = kept.isEmpty() ? "" : String.join("\n", kept) + "\n";
    AtomicFiles.write(file, text.getBytes(StandardCharsets.UTF_8));
  }

  void write(StepReport r, List<LossOverDepth.Row> validation) {
    var line = JSON.createObjectNode();
    line.put("step", r.step());
    line.put("loss", r.loss());
    line.put("grad_norm", r.gradNorm());
    line.put("lr", r.lr());
    line.put("mean_recurrence", r.meanRecurrence());
    number(line, "frozen", r.frozen());
    number(line, "tracked", r.tracked());
    line.put("tokens", r.tokens());
    line.put("tokens_per_second", r.tokensPerSecond());
    line.put("flops", r.flops());
    if (!validation.isEmpty()) {
      var losses = line.putObject("validation");
      validation.forEach(row -> losses.put(String.valueOf(row.recurrences()), row.loss()));
    }
    try {
      writer.write(JSON.writeValueAsString(line) + "\n");
      writer.flush();
    } catch (IOException e) {
      throw new UncheckedIOException(FILE + ": " + e.getMessage(), e);
    }
  }

  /** Whole where it is whole, which it is without gradient accumulation. */
  private static void number(ObjectNode line, String key, double value) {
    if (value == Math.rint(value)) {
      line.put(key, (long) value);
    } else {
      line.put(key, value);
    }
  }

  @Override
  public void close() {
    try {
      writer.close();
    } catch (IOException e) {
      throw new UncheckedIOException(FILE + ": " + e.getMessage(), e);
    }
  }
}
