package rondo.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import rondo.data.DocumentSource;
import rondo.data.PackedRows;
import rondo.data.ParquetWriter;
import rondo.data.rows.PackManifest;
import rondo.data.rows.Packing;
import rondo.data.tokenizer.Tokenizers;
import rondo.engine.device.Device;
import rondo.nn.checkpoint.ModelConfig;
import rondo.nn.checkpoint.RecurrentConfig;
import rondo.train.LossOverDepth;
import rondo.train.ModelTokens;

/** Validation loss over recurrences. */
@Command(
    name = "loss",
    sortOptions = false,
    description = {
      "Measure the validation loss of a model, or of several side by side, at several recurrences.",
      "",
      "Text is cut into disjoint rows of sequence length + 1 tokens, BOS before each document, the"
          + " last short row kept; rows of a column input_ids are taken as they are. The loss is"
          + " the mean over all predicted tokens, in nats."
    },
    footer = {
      "",
      "Example:",
      "  rondo loss --model runs/heal --data validation.jsonl --recurrences 1,2,4,8,16,32 \\",
      "      --plot loss.png",
      "  rondo loss --model base=models/base --model healed=runs/heal --data validation.jsonl"
    })
final class LossCommand extends Work {
  private static final int LENGTH = 1024;

  @Option(
      names = "--model",
      required = true,
      paramLabel = "[NAME=]DIR",
      description =
          "Model folder, the folder of a training run, "
              + Models.OR_NAME
              + "; several are compared under their names (default: the folder's).")
  private List<String> models = List.of();

  @Option(
      names = "--data",
      required = true,
      paramLabel = "F",
      description = "A .txt, .jsonl, .parquet or .arrow file, or a folder of such files.")
  private Path data = Path.of("");

  @Option(
      names = "--recurrences",
      paramLabel = "R,…",
      description = "Where to measure (default: 1,2,4,… up to what the models were trained for).")
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

  /** A model as it was asked for. */
  private record Asked(String name, Path folder, ModelConfig config) {
    /** The part before "=" is a name unless a folder is called so. */
    static Asked parse(String given, Console console) {
      int cut = Files.exists(Path.of(given)) ? -1 : given.indexOf('=');
      var path = Path.of(given.substring(cut + 1));
      var folder = Models.folder(path, console);
      var name = cut > 0 ? given.substring(0, cut) : Models.name(path, folder);
      return new Asked(name, folder, Models.config(folder));
    }
  }

  @Override
  void run(Console console) throws IOException {
    var asked = models.stream().map(given -> Asked.parse(given, console)).toList();
    var depths = depths(asked);
    if (plot != null) {
      Output.requireParent("--plot", plot);
    }
    var source = DocumentSource.of(data, Optional.ofNullable(text));
    var measured = new ArrayList<LossReport.Measured>();
    long total = Math.min(rows, known());
    try (var device = open(console, Precision.parse("--precision", precision))) {
      for (var model : asked) {
        try (var progress = new Progress(console, "row", true)) {
          measured.add(measure(model, depths, source, device, console, progress, total));
        }
      }
    }
    var report = new LossReport(measured, Models.lastOf(data));
    console.text(report.table());
    console.json(report.json(data));
    if (plot != null) {
      Charts.write(report.figure(), plot);
      console.note("wrote " + plot);
    }
  }

  /** Rows of packed Parquet; at most as many as can be asked for, where that is not known. */
  private long known() {
    return text != null
        ? Integer.MAX_VALUE
        : PackedRows.find(data, ParquetWriter.GROUP)
            .map(PackedRows::rows)
            .orElse((long) Integer.MAX_VALUE);
  }

  private LossReport.Measured measure(
      Asked model,
      List<Integer> depths,
      DocumentSource source,
      Device device,
      Console console,
      Progress progress,
      long total) {
    var config = model.config();
    var settings = settings(config, depths);
    var words =
        tokenizer == null
            ? Models.tokenizer(model.folder())
            : Optional.of(Tokenizers.load(tokenizer));
    var packing =
        Packing.evaluation(settings.sequenceLength(), config.vocabulary(), words)
            .with(ModelTokens.of(config, model.folder()));
    PackManifest.check(data, packing.model());
    var of = models.size() == 1 ? "" : model.name();
    try (var weights = Models.load(model.folder(), device, console)) {
      var losses =
          LossOverDepth.measure(
              weights,
              device,
              settings,
              packing.open(source),
              source.name(),
              done -> progress.update(done, total == Integer.MAX_VALUE ? 0 : total, of));
      return new LossReport.Measured(model.name(), model.folder(), config, settings, losses);
    }
  }

  /** What is asked for, or powers of two up to the deepest that a model was trained for. */
  private List<Integer> depths(List<Asked> asked) {
    int deepest = 0;
    for (var model : asked) {
      if (model.config() instanceof RecurrentConfig r) {
        deepest = Math.max(deepest, r.meanRecurrence());
      }
    }
    if (deepest == 0 && (recurrences != null || initialState != null)) {
      throw new IllegalArgumentException(
          (recurrences != null ? "--recurrences: " : "--initial-state: ")
              + asked.getFirst().folder()
              + " has a fixed depth; leave it out");
    }
    if (recurrences != null) {
      return Numbers.list("--recurrences", recurrences, "numbers such as 1,2,4,8");
    }
    var depths = new ArrayList<Integer>();
    for (int r = 1; r <= deepest; r *= 2) {
      depths.add(r);
    }
    return depths;
  }

  private LossOverDepth.Settings settings(ModelConfig config, List<Integer> depths) {
    boolean fixed = !(config instanceof RecurrentConfig);
    int time = sequenceLength == null ? Math.min(LENGTH, config.maxPositions()) : sequenceLength;
    return new LossOverDepth.Settings(
        fixed ? List.of() : depths,
        Numbers.atLeast("--batch", batch, 1),
        Numbers.atLeast("--sequence-length", time, 1),
        Numbers.atLeast("--rows", rows, 1),
        fixed || isRandom(),
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
}
