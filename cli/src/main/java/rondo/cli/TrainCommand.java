package rondo.cli;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import rondo.train.Checkpoints;
import rondo.train.Listener;
import rondo.train.LossOverDepth;
import rondo.train.Recipe;
import rondo.train.StepReport;
import rondo.train.Trainer;

/** Runs a recipe. */
@Command(
    name = "train",
    sortOptions = false,
    description = {
      "Train a model by a recipe (YAML); the same command goes on after an interruption.",
      "",
      "The recipe's folder out gets metrics.jsonl (a line a step), TensorBoard events and"
          + " checkpoints step-N, which every command takes as a model.",
      "",
      "SIGTERM, SIGINT (ctrl-C), SIGHUP, SIGUSR1 and --stop-after end the step at hand, write a"
          + " checkpoint and exit with 3; a second signal ends the program at once."
    },
    footer = {
      "",
      "docs/recipe.md has every key of a recipe.",
      "",
      "Example:",
      "  rondo train recipe.yaml steps=2000 depth.mean=16 out=runs/r16",
      "  rondo train recipe.yaml --stop-after 55m"
    })
final class TrainCommand extends Work {
  /** The exit code of a run that was asked to end before its last step. */
  static final int STOPPED = 3;

  @Parameters(index = "0", paramLabel = "RECIPE", description = "The recipe file.")
  private Path file = Path.of("");

  @Parameters(
      index = "1..*",
      arity = "0..*",
      paramLabel = "KEY.PATH=VALUE",
      description = "Keys to set otherwise than the recipe does.")
  private List<String> overrides = new ArrayList<>();

  @Option(
      names = "--stop-after",
      paramLabel = "TIME",
      description = "End with a checkpoint after this time: 90s, 55m, 3h, 1d12h.")
  private @Nullable String stopAfter;

  @Option(
      names = "--memory",
      paramLabel = "SIZE",
      description = "What batch.micro: auto may take, as 80 GiB; the recipe's memory.")
  private @Nullable String memory;

  private boolean stopped;

  @Override
  int exitCode() {
    return stopped ? STOPPED : 0;
  }

  @Override
  void run(Console console) {
    var time = stopAfter == null ? null : Deadline.parse("--stop-after", stopAfter);
    var stop = new Stop();
    try (var _ = new Signals(stop::ask);
        var _ = time == null ? null : new Deadline(time, () -> stop.ask("--stop-after"))) {
      train(console, stop);
    }
  }

  private void train(Console console, Stop stop) {
    var all = new ArrayList<>(overrides);
    if (common.seed != null) {
      all.add("seed=" + common.seed);
    }
    if (memory != null) {
      all.add("memory=" + memory);
    }
    var recipe = Recipe.read(file, all, model -> Models.folder(model, console));
    try (var device = open(console);
        var progress = new Progress(console, "step")) {
      var watcher = new Watcher(progress);
      try (var trainer = new Trainer(recipe, device, watcher)) {
        stop.of(trainer);
        trainer.run();
        progress.end();
        stopped = trainer.step() < recipe.steps();
        report(console, recipe, trainer.step(), watcher.last);
      }
    }
  }

  /** A wish to stop, that may come before there is a trainer to tell. */
  private static final class Stop {
    private @Nullable String why;
    private @Nullable Trainer trainer;

    synchronized void ask(String reason) {
      why = reason;
      if (trainer != null) {
        trainer.stop(reason);
      }
    }

    synchronized void of(Trainer running) {
      trainer = running;
      if (why != null) {
        running.stop(why);
      }
    }
  }

  private static void report(Console console, Recipe recipe, long step, @Nullable StepReport last) {
    var newest = Checkpoints.resolve(recipe.out());
    var json = Console.object();
    json.put("out", recipe.out().toString());
    json.put("checkpoint", newest.toString());
    json.put("step", step);
    json.put("steps", recipe.steps());
    var table =
        new TextTable()
            .align("ll")
            .row("steps", Numbers.count(step) + " of " + Numbers.count(recipe.steps()));
    if (last != null) {
      json.put("loss", last.loss());
      json.put("tokens", last.tokens());
      json.put("flops", last.flops());
      table.row("last loss", Numbers.decimal(last.loss(), 4));
      table.row("tokens", Numbers.count(last.tokens()));
      table.row("FLOPs", Numbers.flops(last.flops()) + ", counted");
    }
    table.row("model", newest.toString());
    table.row("metrics", recipe.out().resolve("metrics.jsonl").toString());
    table.row("TensorBoard", recipe.out().resolve("tensorboard").toString());
    console.text(table.toString());
    console.json(json);
  }

  /** Shows a run on standard error. */
  private static final class Watcher implements Listener {
    private final Progress progress;
    private @Nullable StepReport last;

    Watcher(Progress progress) {
      this.progress = progress;
    }

    @Override
    public void note(String line) {
      progress.note(line);
    }

    @Override
    public void reading(String source, long rows) {
      progress.aside("read row", rows, 0, "of " + source);
    }

    @Override
    public void measuring(long step, long rows, long total) {
      progress.aside("validation row", rows, total, "after step " + Numbers.count(step + 1));
    }

    @Override
    public void started(long step, long steps) {
      progress.note(
          step >= steps
              ? "all " + Numbers.count(steps) + " steps are done already"
              : "from step " + Numbers.count(step) + " to " + Numbers.count(steps));
    }

    @Override
    public void step(StepReport report) {
      last = report;
      double depth = report.frozen() + report.tracked();
      progress.update(
          report.step() + 1,
          report.steps(),
          "loss %s  %s tokens/s  r %s (mean %d)"
              .formatted(
                  Numbers.decimal(report.loss(), 4),
                  Numbers.count(Math.round(report.tokensPerSecond())),
                  Numbers.decimal(depth, depth == Math.rint(depth) ? 0 : 1),
                  report.meanRecurrence()));
    }

    @Override
    public void validated(long step, List<LossOverDepth.Row> rows) {
      losses(step, "validation loss", rows);
    }

    @Override
    public void validatedAverage(long step, List<LossOverDepth.Row> rows) {
      losses(step, "of averaged weights", rows);
    }

    private void losses(long step, String what, List<LossOverDepth.Row> rows) {
      var losses = new ArrayList<String>();
      for (var row : rows) {
        losses.add(
            (row.recurrences() == 0 ? "" : "r " + row.recurrences() + " ")
                + Numbers.decimal(row.loss(), 4));
      }
      progress.note(
          "step %s  %s: %s".formatted(Numbers.count(step + 1), what, String.join(", ", losses)));
    }
  }
}
