package rondo.cli;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;
import rondo.engine.graph.DType;
import rondo.nn.checkpoint.RecurrentConfig;
import rondo.nn.depth.DepthSampler;
import rondo.optim.Curve;
import rondo.train.Recipe;

/** Options that describe the run to plan: over a recipe, or alone. */
final class PlanOptions {
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
      names = "--sampler",
      paramLabel = "NAME",
      description =
          "How depths are drawn, as a recipe's depth.sampler (default: lognormal-poisson).")
  private @Nullable String sampler;

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

  boolean hasSteps() {
    return steps != null;
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
  Recipe over(Path file) {
    checkCounts();
    var overrides = new ArrayList<String>();
    override(overrides, "batch.micro", batch);
    override(overrides, "memory", memory);
    override(overrides, "data.sequence_length", sequenceLength);
    override(overrides, "depth.mean", recurrences);
    override(overrides, "depth.backprop", backprop);
    override(overrides, "depth.sampler", sampler);
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

  /** The recipe that the options alone describe, with what a recipe has by default. */
  Recipe described(PlanCommand.Subject subject) {
    checkCounts();
    var config = subject.config();
    var pass =
        subject.preset() == null
            ? new int[] {1, 1024}
            : PublishedRuns.pass(subject.preset().name());
    int rows = given(batch, pass[0]);
    int time = given(sequenceLength, Math.min(pass[1], config.maxPositions()));
    // A recipe must name a model, data and a folder: what is planned reads none of them.
    var settings = new ArrayList<>(List.of("preset=huginn", "out=none"));
    settings.add("data={train: [{path: none}], sequence_length: %d}".formatted(time));
    settings.add("batch={sequences: %d, micro: %d}".formatted(sequences(rows, time), rows));
    override(settings, "steps", given(steps, 1));
    settings.add(
        "precision=" + (Precision.parse("--precision", precision) == DType.BF16 ? "bf16" : "f32"));
    if (config instanceof RecurrentConfig recurrent) {
      override(settings, "depth.mean", given(recurrences, recurrent.meanRecurrence()));
      override(settings, "depth.backprop", given(backprop, recurrent.backpropDepth()));
      override(settings, "depth.sampler", sampler());
      override(settings, "depth.curriculum.curve", curve());
      override(settings, "depth.curriculum.fraction", fraction);
    } else if (recurrences != null
        || backprop != null
        || sampler != null
        || curriculum != null
        || fraction != null) {
      throw new IllegalArgumentException(
          "--recurrences, --backprop, --sampler and --curriculum: "
              + subject.name()
              + " has a fixed depth");
    }
    return Recipe.of(settings);
  }

  /** Rows of a step. */
  private long sequences(int rows, int time) {
    if (steps == null && (curriculum != null || fraction != null || tokensPerStep != null)) {
      throw new IllegalArgumentException(
          "--curriculum, --fraction and --tokens-per-step: expected --steps, too");
    }
    long pass = (long) rows * time;
    long tokens = tokensPerStep == null ? pass : tokensPerStep;
    if (tokens < pass || tokens % pass != 0) {
      throw new IllegalArgumentException(
          "--tokens-per-step %d: expected a multiple of %d, a pass of %d rows of %d tokens"
              .formatted(tokens, pass, rows, time));
    }
    return tokens / time;
  }

  private @Nullable String sampler() {
    if (sampler != null && DepthSampler.named(sampler).isEmpty()) {
      throw new IllegalArgumentException(
          "--sampler " + sampler + ": expected " + DepthSampler.names());
    }
    return sampler;
  }

  private @Nullable String curve() {
    if (fraction != null && !(fraction >= 0 && fraction <= 1)) {
      throw new IllegalArgumentException("--fraction " + fraction + ": expected 0 to 1");
    }
    if (fraction != null && (curriculum == null || curriculum.equals("none"))) {
      throw riseless();
    }
    if (curriculum != null && !List.of("none", "linear", "1-sqrt").contains(curriculum)) {
      throw new IllegalArgumentException(
          "--curriculum " + curriculum + ": expected none, linear or 1-sqrt");
    }
    return curriculum;
  }

  private static int given(@Nullable Integer option, int otherwise) {
    return option == null ? otherwise : option;
  }

  private static IllegalArgumentException riseless() {
    return new IllegalArgumentException("--fraction: expected --curriculum linear or 1-sqrt");
  }
}
