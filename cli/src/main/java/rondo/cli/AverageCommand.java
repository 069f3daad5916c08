package rondo.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import rondo.engine.graph.DType;
import rondo.nn.checkpoint.CheckpointAverage;
import rondo.nn.checkpoint.CheckpointFolder;
import rondo.train.Checkpoints;

/** Averages the weights of checkpoints. */
@Command(
    name = "average",
    sortOptions = false,
    description = {
      "Average the weights of several checkpoints of one model into a new model folder.",
      "",
      "Checkpoints are taken in the order given, a run's folder as all its checkpoints, the oldest"
          + " first. Weights are equal, or --weights, or --ema: e = B·e + (1 - B)·x for each"
          + " checkpoint after the first, as the published huginn_swa_75_7_ema_0.9 with --last 75"
          + " --dilation 7 --ema 0.9. Sums are in float64; no device and little memory is needed."
    },
    footer = {
      "",
      "Example:",
      "  rondo average runs/heal --last 10 --ema 0.9 --out heal-averaged",
      "  rondo average runs/a/step-900 runs/a/step-1000 --weights 1,3 --out both"
    })
final class AverageCommand extends Work {
  @Parameters(
      arity = "1..*",
      paramLabel = "CHECKPOINT",
      description = "Model folders, or folders of runs.")
  private List<Path> given = new ArrayList<>();

  @Option(
      names = "--out",
      required = true,
      paramLabel = "DIR",
      description = "Folder to write: new or empty.")
  private Path out = Path.of("");

  @Option(
      names = "--weights",
      split = ",",
      paramLabel = "W",
      description = "One for each checkpoint; only their relation counts.")
  private @Nullable List<Double> weights;

  @Option(names = "--ema", paramLabel = "B", description = "Exponential moving average, 0 to 1.")
  private @Nullable Double ema;

  @Option(names = "--dilation", paramLabel = "D", description = "Only each D-th, counted back.")
  private int dilation = 1;

  @Option(names = "--last", paramLabel = "N", description = "Only the last N of these.")
  private @Nullable Integer last;

  @Option(
      names = "--precision",
      paramLabel = "f32|bf16",
      description = "Of the written weights (default: f32).")
  private @Nullable String precision;

  @Override
  void run(Console console) throws IOException {
    boolean bfloat16 = Precision.parse("--precision", precision) == DType.BF16;
    Numbers.atLeast("--dilation", dilation, 1);
    if (last != null) {
      Numbers.atLeast("--last", last, 1);
    }
    var folders = chosen(checkpoints());
    var shares = shares(folders.size());
    Output.requireFresh("--out", out);
    for (var folder : folders) { // before anything is written
      CheckpointFolder.open(folder).close();
    }
    Output.makeFolder("--out", out);
    var leftOut = CheckpointAverage.write(folders, shares, out, bfloat16);
    if (!leftOut.isEmpty()) {
      console.note("left out, being no floating-point numbers: " + String.join(", ", leftOut));
    }
    var kept = ModelFiles.copy(folders.getLast(), out);
    var table = new TextTable("checkpoint", "share");
    var json = Console.object();
    var list = json.putArray("checkpoints");
    for (int i = 0; i < shares.length; i++) {
      table.row(folders.get(i).toString(), Numbers.decimal(shares[i], 6));
      list.addObject().put("folder", folders.get(i).toString()).put("share", shares[i]);
    }
    json.put("out", out.toString());
    json.put("precision", bfloat16 ? "bf16" : "f32");
    kept.forEach(json.putArray("files_kept")::add);
    console.text("%s\n\nwritten to %s".formatted(table, out));
    console.json(json);
  }

  /** Model folders as they are, those of runs in the order of their steps. */
  private List<Path> checkpoints() {
    var all = new ArrayList<Path>();
    for (var folder : given) {
      if (!Files.isDirectory(folder)) {
        throw new IllegalArgumentException(folder + ": no such folder");
      }
      if (Files.exists(folder.resolve(CheckpointFolder.CONFIG))) {
        all.add(folder);
      } else {
        var found = Checkpoints.all(folder);
        if (found.isEmpty()) {
          throw new IllegalArgumentException(
              folder + ": is neither a model's folder nor a run's with a whole checkpoint");
        }
        all.addAll(found);
      }
    }
    return all;
  }

  private List<Path> chosen(List<Path> all) {
    var taken = new ArrayList<Path>();
    int most = last == null ? Integer.MAX_VALUE : last;
    for (int i = all.size() - 1; i >= 0 && taken.size() < most; i -= dilation) {
      taken.add(all.get(i));
    }
    if (last != null && taken.size() < last) {
      throw new IllegalArgumentException(
          "--last %d: there are %d%s"
              .formatted(last, taken.size(), dilation > 1 ? " with --dilation " + dilation : ""));
    }
    return taken.reversed();
  }

  private double[] shares(int count) {
    if (ema != null && weights != null) {
      throw new IllegalArgumentException("--weights and --ema: expected one of them");
    }
    if (ema != null) {
      if (!(ema >= 0 && ema <= 1)) {
        throw new IllegalArgumentException("--ema " + ema + ": expected a number from 0 to 1");
      }
      return CheckpointAverage.exponential(count, ema);
    }
    if (weights == null) {
      return CheckpointAverage.uniform(count);
    }
    double sum = weights.stream().mapToDouble(w -> w).sum();
    if (weights.size() != count || !(sum > 0) || weights.stream().anyMatch(w -> !(w >= 0))) {
      throw new IllegalArgumentException(
          "--weights %s: expected %d numbers of at least 0, not all 0, one for each checkpoint"
              .formatted(weights, count));
    }
    return Arrays.stream(weights.toArray(new Double[0])).mapToDouble(w -> w / sum).toArray();
  }
}
