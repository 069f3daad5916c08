package rondo.cli;

import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import rondo.data.tokenizer.Tokenizer;
import rondo.engine.device.Device;
import rondo.infer.Forward;
import rondo.nn.checkpoint.ModelConfig;
import rondo.nn.checkpoint.RecurrentConfig;
import rondo.nn.checkpoint.SafetensorsWriter;
import rondo.nn.checkpoint.TensorToWrite;

/** Raw output, for comparison with other implementations. */
@Command(
    name = "logits",
    sortOptions = false,
    description = {
      "Run a model on token ids and write its raw output.",
      "",
      "The file gets the tensor logits [batch, time, vocabulary] and, of a recurrent model,"
          + " state [batch, time, width]: what the core leaves, before any norm. Both are float32."
    },
    footer = {
      "",
      "Example:",
      "  rondo logits --model retrofit --token-ids \"1,301,427;1,309,426\" --recurrences 4 \\",
      "      --initial-state zero --out logits.safetensors"
    })
final class LogitsCommand extends Work {
  private static final int SHOWN = 3;

  @Option(
      names = "--model",
      required = true,
      paramLabel = "DIR|NAME",
      description = "Model folder, the folder of a training run, " + Models.OR_NAME + ".")
  private Path model = Path.of("");

  @Option(
      names = "--token-ids",
      required = true,
      paramLabel = "IDS",
      description = "Ids such as 1,2,3; rows of one length are divided by ;")
  private String tokenIds = "";

  @Option(
      names = "--recurrences",
      paramLabel = "R",
      description = "How often the core runs (default: what the model was trained for).")
  private @Nullable Integer recurrences;

  @Option(
      names = "--initial-state",
      paramLabel = "STATE",
      description =
          "zero, random, FILE or FILE:NAME: a safetensors file with initial_state"
              + " [batch, time, width], or a tensor of another name (default: random).")
  private @Nullable String initialState;

  @Option(
      names = "--precision",
      paramLabel = "f32|bf16",
      description = "Of activations; bf16 needs a GPU (default: f32).")
  private @Nullable String precision;

  @Option(
      names = "--out",
      paramLabel = "F.safetensors",
      description = "Where to write (default: nowhere; the likeliest next tokens are shown).")
  private @Nullable Path out;

  @Override
  void run(Console console) {
    var activations = Precision.parse("--precision", precision);
    var folder = Models.folder(model, console);
    var config = Models.config(folder);
    var rows = TokenRows.parse(tokenIds, config);
    boolean recurrent = config instanceof RecurrentConfig;
    if (!recurrent && (recurrences != null || initialState != null)) {
      throw new IllegalArgumentException(
          (recurrences != null ? "--recurrences: " : "--initial-state: ")
              + folder
              + " has a fixed depth; leave it out");
    }
    int depth = config instanceof RecurrentConfig r ? r.meanRecurrence() : 0;
    if (recurrences != null) {
      depth = Numbers.atLeast("--recurrences", recurrences, 1);
    }
    long elements = (long) rows.batch() * rows.time() * config.vocabulary();
    if (elements > Integer.MAX_VALUE - 8) {
      throw new IllegalArgumentException(
          "--token-ids: %s logits at once, expected fewer than 2^31: take fewer tokens"
              .formatted(Numbers.count(elements)));
    }
    if (out != null) {
      Output.requireParent("--out", out);
    }
    var start = InitialState.parse(initialState == null ? "random" : initialState, common.seed());
    try (var device = open(console, activations);
        var weights = Models.load(folder, device, console);
        var forward = new Forward(weights, device, rows.batch(), rows.time(), activations)) {
      device.write(forward.tokens(), rows.ids());
      forward.start();
      if (recurrent) {
        start.write(forward, device, rows.batch(), rows.time(), config.block().width());
        for (int i = 0; i < depth; i++) {
          forward.recur();
        }
      }
      var logits = forward.logits();
      if (out != null) {
        write(out, forward, device, logits, rows, config);
        console.note("wrote " + out);
      }
      report(console, folder, config, rows, depth, start, logits);
    }
  }

  private static void write(
      Path out,
      Forward forward,
      Device device,
      float[] logits,
      TokenRows rows,
      ModelConfig config) {
    var tensors = new ArrayList<TensorToWrite>();
    long batch = rows.batch();
    long time = rows.time();
    tensors.add(
        TensorToWrite.f32(
            "logits", MemorySegment.ofArray(logits), batch, time, config.vocabulary()));
    if (forward.isRecurrent()) {
      var state = MemorySegment.ofArray(device.floats(forward.state()));
      tensors.add(TensorToWrite.f32("state", state, batch, time, config.block().width()));
    }
    SafetensorsWriter.write(out, tensors);
  }

  private void report(
      Console console,
      Path folder,
      ModelConfig config,
      TokenRows rows,
      int depth,
      InitialState start,
      float[] logits) {
    var tokenizer = common.json ? Optional.<Tokenizer>empty() : Models.tokenizer(folder);
    var json = Console.object();
    json.put("model", folder.toString());
    json.putArray("shape").add(rows.batch()).add(rows.time()).add(config.vocabulary());
    if (depth > 0) {
      json.put("recurrences", depth);
      json.put("initial_state", start.label());
    }
    json.put("out", out == null ? null : out.toString());
    var next = json.putArray("next");
    var table = new TextTable("row", "rank", "token", "logit", "text").align("rrrrl");
    for (int row = 0; row < rows.batch(); row++) {
      int from = ((row + 1) * rows.time() - 1) * config.vocabulary();
      var best = TopTokens.of(logits, from, config.vocabulary(), SHOWN);
      var list = next.addArray();
      for (int i = 0; i < best.length; i++) {
        int id = best[i];
        list.addObject().put("token_id", id).put("logit", logits[from + id]);
        table.row(
            String.valueOf(row + 1),
            String.valueOf(i + 1),
            String.valueOf(id),
            Numbers.decimal(logits[from + id], 4),
            tokenizer
                .map(t -> "\"" + Failures.line(t.decode(new int[] {id}, false)) + "\"")
                .orElse(""));
      }
    }
    console.text(
        "Likeliest next tokens"
            + (depth > 0 ? " after " + depth + " recurrences from " + start.label() : "")
            + "\n\n"
            + table);
    console.json(json);
  }
}
