package rondo.cli;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import rondo.data.hub.HubName;
import rondo.nn.Model;
import rondo.nn.checkpoint.ModelConfig;
import rondo.nn.checkpoint.ParameterCounts;
import rondo.nn.checkpoint.Published;
import rondo.nn.checkpoint.RecurrentConfig;
import rondo.nn.depth.Depth;
import rondo.nn.depth.Keep;
import rondo.optim.BackpropSchedule;
import rondo.optim.Curriculum;
import rondo.optim.Curve;
import rondo.train.MicroBatch;
import rondo.train.Recipe;
import rondo.train.Teacher;
import rondo.train.UpdatePolicy;

/** Parameters, FLOPs, bytes and time floor of a run, before it starts. */
@Command(
    name = "plan",
    sortOptions = false,
    description = {
      "Tell what a model and a training run cost, before anything runs: parameters, effective"
          + " parameters, published and counted FLOPs, memory per region, and a floor of the time.",
      "",
      "Presets: huginn, tinyllama-4-8-4, llama3.2-4-6-4, llama3.2-2-4-2, olmo2-4-6-4 and the base"
          + " models tinyllama, llama3.2, olmo2. No weights are read, and no device is opened but to"
          + " ask for its memory where a recipe's batch.micro is auto."
    },
    footer = {
      "",
      "Example:",
      "  rondo plan --model llama3.2-4-6-4 --steps 25000 --curriculum linear --fraction 0.25 \\",
      "      --tokens-per-step 1048576 --flops-per-second 4e14"
    })
final class PlanCommand extends Work {
  @Option(
      names = "--model",
      paramLabel = "DIR|PRESET|NAME",
      description = "A folder, a preset's name, " + Models.OR_NAME + ".")
  private @Nullable String model;

  @Option(
      names = "--recipe",
      paramLabel = "F",
      description = "Take model, batch, depth, steps and optimizer from a recipe.")
  private @Nullable Path recipe;

  @Option(names = "--batch", paramLabel = "B", description = "Rows of a pass.")
  private @Nullable Integer batch;

  @Option(
      names = "--memory",
      paramLabel = "SIZE",
      description = "What a recipe's batch.micro: auto may take, as 80 GiB (default: by --device).")
  private @Nullable String memory;

  @Option(names = "--sequence-length", paramLabel = "T", description = "Tokens of a row.")
  private @Nullable Integer sequenceLength;

  @Option(names = "--recurrences", paramLabel = "r", description = "Mean recurrence.")
  private @Nullable Integer recurrences;

  @Option(
      names = "--backprop",
      paramLabel = "k",
      description = "Recurrences with gradient, at most.")
  private @Nullable Integer backprop;

  @Option(
      names = "--precision",
      paramLabel = "f32|bf16",
      description = "Of activations; weights, gradients and moments are f32 (default: f32).")
  private @Nullable String precision;

  @Option(names = "--steps", paramLabel = "N", description = "Optimiser steps of the run.")
  private @Nullable Integer steps;

  @Option(
      names = "--curriculum",
      paramLabel = "CURVE",
      description = "none, linear or 1-sqrt (default: none).")
  private @Nullable String curriculum;

  @Option(
      names = "--fraction",
      paramLabel = "f",
      description = "Part of the steps over which the recurrence rises (default: 0.25).")
  private @Nullable Double fraction;

  @Option(
      names = "--tokens-per-step",
      paramLabel = "D",
      description = "Tokens of an optimiser step (default: one pass, batch · sequence length).")
  private @Nullable Long tokensPerStep;

  @Option(
      names = "--flops-per-second",
      paramLabel = "F",
      description = "What the device does; gives the floor of the time.")
  private @Nullable Double flopsPerSecond;

  /** A model under a name, with the preset it is, if any. */
  record Subject(String name, ModelConfig config, @Nullable Published preset) {}

  @Override
  void run(Console console) {
    checkCounts();
    var written = recipe == null ? null : recipe(recipe);
    var subject = subject(written, console);
    var choice = written == null || written.micro() > 0 ? null : micro(written, subject, console);
    var from = written == null || choice == null ? written : written.withMicro(choice.micro());
    var counts = ParameterCounts.of(subject.config);
    var step = step(subject, from, console);
    var run = run(step, from, counts);
    if (flopsPerSecond != null && !(flopsPerSecond > 0)) {
      throw new IllegalArgumentException(
          "--flops-per-second " + flopsPerSecond + ": expected a positive number");
    }
    var text = PlanText.of(subject, counts, step, run, flopsPerSecond);
    console.text(choice == null ? text : text + "\n\n" + choice);
    var json = PlanJson.of(subject, counts, step, run, flopsPerSecond);
    if (choice != null) {
      json.putObject("micro_batch")
          .put("rows", choice.micro())
          .put("bytes_planned", choice.planned())
          .put("bytes_allowed", choice.budget());
    }
    console.json(json);
  }

  /** The rows of a pass that a run would take now; the device is asked where nobody says. */
  private MicroBatch.Choice micro(Recipe written, Subject subject, Console console) {
    return MicroBatch.choose(
        written,
        Model.of(subject.config),
        Teacher.of(written, subject.config, folder -> Models.config(folder, console)),
        () -> {
          try (var device = open(console)) {
            return device.freeBytes();
          }
        });
  }

  private void checkCounts() {
    check("--batch", batch);
    check("--sequence-length", sequenceLength);
    check("--recurrences", recurrences);
    check("--backprop", backprop);
    check("--steps", steps);
  }

  private static void check(String option, @Nullable Integer given) {
    if (given != null) {
      Numbers.atLeast(option, given, 1);
    }
  }

  /** The recipe with the options as its overrides: the run that training with them would be. */
  private Recipe recipe(Path file) {
    var overrides = new ArrayList<String>();
    override(overrides, "batch.micro", batch);
    override(overrides, "memory", memory);
    override(overrides, "data.sequence_length", sequenceLength);
    override(overrides, "depth.mean", recurrences);
    override(overrides, "depth.backprop", backprop);
    override(overrides, "steps", steps);
    override(overrides, "precision", precision);
    override(overrides, "depth.curriculum.curve", curriculum);
    if (fraction != null) {
      overrides.add("depth.curriculum.steps="); // in its place
      override(overrides, "depth.curriculum.fraction", fraction);
    }
    if (tokensPerStep != null) {
      int time =
          sequenceLength == null
              ? Recipe.read(file, List.of()).data().sequenceLength()
              : sequenceLength;
      if (tokensPerStep < 1 || tokensPerStep % time != 0) {
        throw new IllegalArgumentException(
            "--tokens-per-step %d: expected a multiple of %d, the recipe's sequence length"
                .formatted(tokensPerStep, time));
      }
      override(overrides, "batch.sequences", tokensPerStep / time);
    }
    var read = Recipe.read(file, overrides);
    if (fraction != null && read.depth().curriculum().curve() == Curve.CONSTANT) {
      throw riseless();
    }
    return read;
  }

  private static void override(List<String> overrides, String key, @Nullable Object value) {
    if (value != null) {
      overrides.add(key + "=" + value);
    }
  }

  private Subject subject(@Nullable Recipe from, Console console) {
    String name = model;
    if (name == null && from != null) {
      name = from.model() == null ? from.preset() : String.valueOf(from.model());
    }
    if (name == null) {
      throw new IllegalArgumentException("expected --model DIR, --model PRESET or --recipe F");
    }
    var path = Path.of(name);
    if (Files.exists(path) || name.contains("/") || HubName.of(path).isPresent()) {
      var config = Models.config(path, console);
      return new Subject(name, config, PublishedRuns.presetOf(ParameterCounts.of(config)));
    }
    var known = Published.named(name);
    return new Subject(name, known.config(), known);
  }

  private StepPlan step(Subject subject, @Nullable Recipe from, Console console) {
    var config = subject.config;
    var pass =
        subject.preset == null ? new int[] {1, 1024} : PublishedRuns.pass(subject.preset.name());
    int rows = from != null ? from.micro() : given(batch, pass[0]);
    int time =
        from != null
            ? from.data().sequenceLength()
            : given(sequenceLength, Math.min(pass[1], config.maxPositions()));
    if (time > config.maxPositions()) {
      throw new IllegalArgumentException(
          "--sequence-length %d: expected at most the model's %d positions"
              .formatted(time, config.maxPositions()));
    }
    var depth = new Depth(0, 1);
    if (config instanceof RecurrentConfig recurrent) {
      int mean =
          from != null
              ? from.depth().curriculum().peak()
              : given(recurrences, recurrent.meanRecurrence());
      int cap =
          from != null
              ? from.depth().backprop().peak()
              : given(backprop, recurrent.backpropDepth());
      int tracked = Math.min(mean, cap);
      depth = new Depth(mean - tracked, tracked);
    } else if (recurrences != null || backprop != null || curriculum != null || fraction != null) {
      throw new IllegalArgumentException(
          "--recurrences, --backprop and --curriculum: " + subject.name + " has a fixed depth");
    }
    var optimizer = from == null ? Recipe.defaultOptimizer() : from.optimizer();
    var activations = from == null ? Precision.parse("--precision", precision) : from.activations();
    var policy = from == null ? UpdatePolicy.PLAIN : from.updates();
    var distillation =
        from == null ? null : Teacher.of(from, config, folder -> Models.config(folder, console));
    return StepPlan.of(
        Model.of(config), rows, time, depth, optimizer, policy, distillation, activations);
  }

  private static int given(@Nullable Integer option, int otherwise) {
    return option == null ? otherwise : option;
  }

  private @Nullable RunPlan run(StepPlan step, @Nullable Recipe from, ParameterCounts counts) {
    long pass = (long) step.batch() * step.time();
    if (from != null) {
      var depth = from.depth();
      return RunPlan.of(
          step,
          counts,
          from.steps(),
          from.accumulation() * pass,
          depth.curriculum(),
          depth.backprop(),
          step.keeps().size() == 1 ? Keep.ALL : depth.keep());
    }
    if (steps == null) {
      if (curriculum != null || fraction != null || tokensPerStep != null) {
        throw new IllegalArgumentException(
            "--curriculum, --fraction and --tokens-per-step: expected --steps, too");
      }
      return null;
    }
    long tokens = tokensPerStep == null ? pass : tokensPerStep;
    if (tokens < pass || tokens % pass != 0) {
      throw new IllegalArgumentException(
          "--tokens-per-step %d: expected a multiple of %d, a pass of %d rows of %d tokens"
              .formatted(tokens, pass, step.batch(), step.time()));
    }
    int cap = given(backprop, step.depth().tracked());
    var rise = rise(step.depth().total(), steps);
    return RunPlan.of(step, counts, steps, tokens, rise, BackpropSchedule.none(cap), Keep.ALL);
  }

  private Curriculum rise(int peak, int total) {
    double part = fraction == null ? 0.25 : fraction;
    if (!(part >= 0 && part <= 1)) {
      throw new IllegalArgumentException("--fraction " + part + ": expected 0 to 1");
    }
    long over = (long) Math.ceil(part * total); // as a recipe rounds
    return switch (curriculum) {
      case "linear" -> new Curriculum(peak, over, Curve.LINEAR);
      case "1-sqrt" -> new Curriculum(peak, over, Curve.ONE_MINUS_SQRT);
      case "none" -> Curriculum.none(peak);
      case null -> {
        if (fraction != null) {
          throw riseless();
        }
        yield Curriculum.none(peak);
      }
      default ->
          throw new IllegalArgumentException(
              "--curriculum " + curriculum + ": expected none, linear or 1-sqrt");
    };
  }

  private static IllegalArgumentException riseless() {
    return new IllegalArgumentException("--fraction: expected --curriculum linear or 1-sqrt");
  }
}
