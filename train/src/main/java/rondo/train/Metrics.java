package rondo.train;

import java.io.IOException;
import java.io.Writer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import rondo.nn.checkpoint.AtomicFiles;
import rondo.nn.checkpoint.CheckpointException;
import rondo.nn.checkpoint.WriteException;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.ObjectMapper;
import tools.jackson.databind.node.ObjectNode;

/** {@code metrics.jsonl}: one line a step, flushed as written, cut back to the step of a resume. */
final class Metrics implements AutoCloseable {
  static final String FILE = "metrics.jsonl";
  private static final ObjectMapper JSON = new ObjectMapper();

  private final Path file;
  private Writer writer;

  /**
   * Opens the file of a run that goes on after {@code step} steps.
   *
   * @throws CheckpointException when it cannot be read or written
   */
  Metrics(Path out, long step) {
    file = out.resolve(FILE);
    if (Files.exists(file)) {
      rewrite(file, lines(file, step));
    }
    writer = append(file);
  }

  private static Writer append(Path file) {
    try {
      return Files.newBufferedWriter(
          file, StandardCharsets.UTF_8, StandardOpenOption.CREATE, StandardOpenOption.APPEND);
    } catch (IOException e) {
      throw new WriteException(file, e);
    }
  }

  /** The whole lines of steps before {@code step}. */
  private static List<String> lines(Path file, long step) {
    var kept = new ArrayList<String>();
    try {
      for (var line : Files.readAllLines(file)) {
        if (JSON.readTree(line).path("step").asLong(Long.MAX_VALUE) < step) {
          kept.add(line);
        }
      }
    } catch (JacksonException e) {
      // The line that a kill cut short: nothing follows it.
    } catch (IOException e) {
      throw new CheckpointException(
          file, "cannot be read: " + CheckpointException.reason(e) + "; remove it to go on", e);
    }
    return kept;
  }

  private static void rewrite(Path file, List<String> lines) {
    var text = lines.isEmpty() ? "" : String.join("\n", lines) + "\n";
    AtomicFiles.write(file, text.getBytes(StandardCharsets.UTF_8));
  }

  /** Whether there is a line of step {@code step - 1}, and it holds no validation losses. */
  static boolean lackValidation(Path out, long step) {
    var file = out.resolve(FILE);
    if (!Files.exists(file)) {
      return false;
    }
    var lines = lines(file, step);
    var last = lines.isEmpty() ? JSON.missingNode() : JSON.readTree(lines.getLast());
    return last.path("step").asLong(-1) == step - 1 && !last.has(Measured.LOSSES);
  }

  /** Adds what was measured to the line that was written last. */
  void complete(Measured measured) {
    close();
    var lines = lines(file, Long.MAX_VALUE);
    if (JSON.readTree(lines.getLast()) instanceof ObjectNode line) {
      measured.addTo(line);
      lines.set(lines.size() - 1, JSON.writeValueAsString(line));
    }
    rewrite(file, lines);
    writer = append(file);
  }

  void write(StepReport r, Measured measured) {
    var line = JSON.createObjectNode();
    line.put("step", r.step());
    finite(line, "loss", r.loss());
    finite(line, "grad_norm", r.gradNorm());
    line.put("lr", r.lr());
    line.put("mean_recurrence", r.meanRecurrence());
    number(line, "frozen", r.frozen());
    number(line, "tracked", r.tracked());
    line.put("tokens", r.tokens());
    line.put("tokens_per_second", r.tokensPerSecond());
    line.put("flops", r.flops());
    if (r.divergence() != null) {
      finite(line, "divergence", r.divergence());
    }
    if (r.skipped() > 0) {
      line.put("skipped", r.skipped());
    }
    measured.addTo(line);
    try {
      writer.write(JSON.writeValueAsString(line) + "\n");
      writer.flush();
    } catch (IOException e) {
      throw new WriteException(file, e);
    }
  }

  /** A number, or null: JSON has no infinite ones. */
  static void finite(ObjectNode line, String key, double value) {
    if (Double.isFinite(value)) {
      line.put(key, value);
    } else {
      line.putNull(key);
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
      throw new WriteException(file, e);
    }
  }
}
