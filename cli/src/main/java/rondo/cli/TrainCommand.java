package rondo.cli;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
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
          + " checkpoints step-N, which every command takes as a model. SIGTERM and ctrl-C end the"
          + " step at hand and write a checkpoint."
    },
    footer = {
      "",
      "docs/recipe.md has every key of a recipe.",
      "",
      "Example:",
      "  rondo train recipe.yaml steps=2000 depth.mean=16 out=runs/r16"
    })
final class TrainCommand extends Work {
  /** How long a signal waits for the step at hand: what schedulers grant before they kill. */
  private static final int GRACE_SECONDS = 25;

  @Parameters(index = "0", paramLabel = "RECIPE", description = "The recipe file.")
  private Path file = Path.of("");

  @Parameters(
      index = "1..*",
      arity = "0..*",
      paramLabel = "KEY.PATH=VALUE",
      description = "Keys to set otherwise than the recipe does.")
  private List<String> overrides = new ArrayList<>();

  @Override
  void run(Console console) {
    var all = new ArrayList<>(overrides);
    if (common.seed != null) {
      all.add("seed=" + common.seed);
    }
    var recipe = Recipe.read(file, all, model -> Models.folder(model, console));
    var ended = new CountDownLatch(1);
    try (var device = open(console);
        var progress = new Progress(console, "step")) {
      var watcher = new Watcher(progress);
      try (var trainer = new Trainer(recipe, device, watcher)) {
        var hook = new Thread(() -> stop(trainer, ended), "stop");
        Runtime.getRuntime().addShutdownHook(hook);
        try {
          trainer.run();
        } finally {
          forget(hook);
        }
        progress.end();
        report(console, recipe, trainer.step(), watcher.last);
      }
    } finally {
      ended.countDown();
    }
  }

  /** At a signal: the loop ends after the step at hand and writes a checkpoint. */
  private static void stop(Trainer trainer, CountDownLatch ended) {
    trainer.stop();
    try {
      boolean done = ended.await(GRACE_SECONDS, TimeUnit.SECONDS);
      if (!done) {
        System.err.println("rondo: the step takes too long; the last checkpoint is whole");
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private static void forget(Thread hook) {
    try {
      Runtime.getRuntime().removeShutdownHook(hook);
    } catch (IllegalStateException e) {
      // The program is ending: the hook is what runs.
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
      var losses = new ArrayList<String>();
      for (var row : rows) {
        losses.add(
            (row.recurrences() == 0 ? "" : "r " + row.recurrences() + " ")
                + Numbers.decimal(row.loss(), 4));
      }
      progress.note(
          "step " + Numbers.count(step + 1) + "  validation loss: " + String.join(", ", losses));
    }
  }
}
