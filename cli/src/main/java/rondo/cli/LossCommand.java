package rondo.cli;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import rondo.data.DocumentSource;
import rondo.data.rows.Packing;
import rondo.data.tokenizer.Tokenizers;
import rondo.nn.checkpoint.ModelConfig;
import rondo.nn.checkpoint.RecurrentConfig;
import rondo.train.LossOverDepth;

/** Validation loss over recurrences. */
@Command(
    name = "loss",
    sortOptions = false,
    description = {
      "Measure the validation loss of a model at several recurrences.",
      "",
      "Text is cut into disjoint rows of sequence length + 1 tokens, BOS before each document, the"
          + " last short row kept; rows of a column input_ids are taken as they are. The loss is"
          + " the mean over all predicted tokens, in nats."
    },
    footer = {
      "",
      "Example:",
      "  rondo loss --model runs/heal --data validation.jsonl --recurrences 1,2,4,8,16,32 \\",
      "      --plot loss.png"
    })
final class LossCommand extends Work {
  private static final int LENGTH = 1024;

  @Option(
      names = "--model",
      required = true,
      paramLabel = "DIR",
      description = "Model folder, or the folder of a training run.")
  private Path model = Path.of("");

  @Option(
      names = "--data",
      required = true,
      paramLabel = "F",
      description = "A .txt, .jsonl or .parquet file, or a folder of such files.")
  private Path data = Path.of("");

  @Option(
      names = "--recurrences",
      paramLabel = "R,…",
      description = "Where to measure (default: 1,2,4,… up to what the model was trained for).")
  private @Nullable String recurrences;

  @Option(
      names = "--sequence-length",
      paramLabel = "T",
      description =
          "Tokens that a row predicts (default: 1024, or the model's positions if fewer).")
  private @Nullable Integer sequenceLength;

  @Option(names = "--batch", paramLabel = "B", description = "Rows at a time (default: 8).")
  private int batch = 8;

  @Option(names = "--rows", paramLabel = "N", description = "Rows at most (default: all).")
  private int rows = Integer.MAX_VALUE;

  @Option(
      names = "--initial-state",
      paramLabel = "STATE",
      description =
          "zero or random (default: random). Random states follow from --seed and the place of a"
              + " row in its batch: compare losses at the same --batch.")
  private @Nullable String initialState;

  @Option(
      names = "--text",
      paramLabel = "COLUMN",
      description = "Column of the text (default: input_ids where there is one, else text).")
  private @Nullable String text;

  @Option(
      names = "--tokenizer",
      paramLabel = "DIR",
      description = "Folder with tokenizer.json (default: the model's).")
  private @Nullable Path tokenizer;

  @Option(
      names = "--precision",
      paramLabel = "f32|bf16",
      description = "Of activations; bf16 needs a GPU (default: f32).")
  private @Nullable String precision;

  @Option(names = "--plot", paramLabel = "F.png", description = "Also draw the losses.")
  private @Nullable Path plot;

  @Override
  void run(Console console) throws IOException {
    var folder = Models.folder(model);
    var config = Models.config(folder);
    var settings = settings(config, folder);
    if (plot != null) {
      Output.requireParent("--plot", plot);
    }
    var words =
        tokenizer == null ? Models.tokenizer(folder) : Optional.of(Tokenizers.load(tokenizer));
    var packing = Packing.evaluation(settings.sequenceLength(), config.vocabulary(), words);
    var source = DocumentSource.of(data, Optional.ofNullable(text));
    List<LossOverDepth.Row> measured;
    try (var device = open(console, settings.activations());
        var weights = Models.load(folder, device, console);
        var progress = new Progress(console, "row")) {
      long total = rows == Integer.MAX_VALUE ? 0 : rows;
      measured =
          LossOverDepth.measure(
              weights,
              device,
              settings,
              packing.open(source),
              source.name(),
              done -> progress.update(done, total, ""));
    }
    report(console, folder, settings, measured);
    if (plot != null) {
      Charts.write(figure(folder, measured), plot);
      console.note("wrote " + plot);
    }
  }

  private LossOverDepth.Settings settings(ModelConfig config, Path folder) {
    List<Integer> depths = new ArrayList<>();
    boolean random = true;
    if (config instanceof RecurrentConfig recurrent) {
      if (recurrences == null) {
        for (int r = 1; r <= recurrent.meanRecurrence(); r *= 2) {
          depths.add(r);
        }
      } else {
        depths = Numbers.list("--recurrences", recurrences, "numbers such as 1,2,4,8");
      }
      random = isRandom();
    } else if (recurrences != null || initialState != null) {
      throw new IllegalArgumentException(
          (recurrences != null ? "--recurrences: " : "--initial-state: ")
              + folder
              + " has a fixed depth; leave it out");
    }
    int time = sequenceLength == null ? Math.min(LENGTH, config.maxPositions()) : sequenceLength;
    return new LossOverDepth.Settings(
        depths,
        Numbers.atLeast("--batch", batch, 1),
        Numbers.atLeast("--sequence-length", time, 1),
        Numbers.atLeast("--rows", rows, 1),
        random,
        common.seed(),
        Precision.parse("--precision", precision));
  }

  private boolean isRandom() {
    return switch (initialState) {
      case null -> true;
      case "random" -> true;
      case "zero" -> false;
      default ->
          throw new IllegalArgumentException(
              "--initial-state " + initialState + ": expected zero or random");
    };
  }

  private void report(
      Console console,
      Path folder,
      LossOverDepth.Settings settings,
      List<LossOverDepth.Row> measured) {
    var json = Console.object();
    json.put("model", folder.toString());
    json.put("data", data.toString());
    json.put("sequence_length", settings.sequenceLength());
    json.put("tokens", measured.getFirst().tokens());
    boolean fixed = measured.getFirst().recurrences() == 0;
    if (!fixed) {
      json.put("initial_state", settings.randomState() ? "random" : "zero");
    }
    var table = new TextTable("recurrences", "loss", "perplexity", "tokens");
    var list = json.putArray("losses");
    for (var row : measured) {
      table.row(
          fixed ? "fixed depth" : String.valueOf(row.recurrences()),
          Numbers.decimal(row.loss(), 5),
          Numbers.decimal(Math.exp(row.loss()), 3),
          Numbers.count(row.tokens()));
      var item = list.addObject();
      if (fixed) {
        item.putNull("recurrences");
      } else {
        item.put("recurrences", row.recurrences());
      }
      item.put("loss", row.loss()).put("tokens", row.tokens());
    }
    console.text(table.toString());
    console.json(json);
  }

  private Charts.Figure figure(Path folder, List<LossOverDepth.Row> measured) {
    var name = RetrofitCommand.name(folder);
    var lines = new ArrayList<Charts.Line>();
    var levels = new ArrayList<Charts.Level>();
    if (measured.getFirst().recurrences() == 0) {
      levels.add(new Charts.Level(name + " (fixed depth)", measured.getFirst().loss()));
    } else {
      lines.add(
          new Charts.Line(
              name,
              measured.stream().mapToDouble(LossOverDepth.Row::recurrences).toArray(),
              measured.stream().mapToDouble(LossOverDepth.Row::loss).toArray()));
    }
    var tokens = Numbers.count(measured.getFirst().tokens());
    return Charts.loss(
        "Loss over recurrences",
        tokens + " tokens of " + RetrofitCommand.name(data),
        lines,
        levels);
  }
}
