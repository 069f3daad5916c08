package rondo.cli;

import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import rondo.nn.checkpoint.BaseConfig;
import rondo.nn.checkpoint.ParameterCounts;
import rondo.nn.checkpoint.PublishedFlops;
import rondo.nn.checkpoint.RecurrentConfig;
import rondo.nn.depth.Keep;
import rondo.optim.Curve;

/** A plan for people. */
final class PlanText {
  static final List<Integer> DEPTHS = List.of(1, 2, 4, 8, 16, 32);

  private PlanText() {}

  static String of(
      PlanCommand.Subject subject,
      ParameterCounts counts,
      StepPlan step,
      @Nullable RunPlan run,
      @Nullable Double flopsPerSecond) {
    var parts = new ArrayList<String>();
    var preset = subject.preset();
    parts.add(
        subject.name()
            + (preset == null ? "" : " (" + preset.repository() + ")")
            + "\n"
            + Models.describe(subject.config()));
    parts.add("Parameters\n" + parameters(subject, counts));
    if (subject.config() instanceof RecurrentConfig) {
      parts.add(
          "Effective parameters: prelude + r · core + coda, blocks only\n" + effective(counts));
    }
    var runs = preset == null ? List.<PublishedRuns.Run>of() : PublishedRuns.of(preset.name());
    if (!runs.isEmpty()) {
      parts.add("Training FLOPs of the published runs, by their formula\n" + published(runs));
    }
    parts.add(
        "Memory of a pass of %d × %s tokens%s, %s\n"
                .formatted(
                    step.batch(),
                    Numbers.count(step.time()),
                    depth(subject, step),
                    step.copyBytes() == 0 ? "all in float32" : "activations in bfloat16")
            + memory(step));
    parts.add("FLOPs of that pass, and of an update\n" + flops(step, counts, flopsPerSecond));
    if (run != null) {
      boolean drawn = subject.config() instanceof RecurrentConfig;
      parts.add(
          "The run"
              + (drawn ? " at the mean recurrence; lognormal-poisson draws average one more" : "")
              + "\n"
              + run(run, flopsPerSecond));
    }
    return String.join("\n\n", parts);
  }

  private static String depth(PlanCommand.Subject subject, StepPlan step) {
    return subject.config() instanceof RecurrentConfig
        ? " with %d frozen and %d tracked recurrences"
            .formatted(step.depth().frozen(), step.depth().tracked())
        : "";
  }

  private static TextTable parameters(PlanCommand.Subject subject, ParameterCounts counts) {
    var table = new TextTable("part", "blocks", "parameters");
    table.row("one block", "1", Numbers.count(counts.block()));
    switch (subject.config()) {
      case RecurrentConfig r ->
          table
              .row("prelude", "" + r.prelude(), Numbers.count(counts.prelude()))
              .row("core", "" + r.core(), Numbers.count(counts.core()))
              .row("coda", "" + r.coda(), Numbers.count(counts.coda()))
              .row(
                  "all blocks",
                  "" + (r.prelude() + r.core() + r.coda()),
                  Numbers.count(counts.blocks()));
      case BaseConfig b -> table.row("all blocks", "" + b.layers(), Numbers.count(counts.blocks()));
    }
    table.row("embedding", "", Numbers.count(counts.embedding()));
    table.row("head", "", counts.head() == 0 ? "tied" : Numbers.count(counts.head()));
    if (counts.adapter() > 0) {
      table.row("adapter", "", Numbers.count(counts.adapter()));
    }
    table.row("final norm", "", Numbers.count(counts.finalNorm()));
    table.row("outside embedding and head", "", Numbers.count(counts.nonEmbedding()));
    table.rule();
    return table.row("total", "", Numbers.count(counts.total()));
  }

  private static TextTable effective(ParameterCounts counts) {
    var table = new TextTable("recurrences", "effective parameters");
    for (int r : DEPTHS) {
      table.row("" + r, Numbers.count(counts.effective(r)));
    }
    return table;
  }

  private static TextTable published(List<PublishedRuns.Run> runs) {
    var table =
        new TextTable("train recurrence", "steps", "tokens a step", "curriculum", "FLOPs", "")
            .align("lrrlrl");
    for (var run : runs) {
      table.row(
          run.recurrences() == 0 ? "static depth" : "" + run.recurrences(),
          Numbers.count(run.steps()),
          Numbers.count((long) run.tokens()),
          run.curriculum(),
          Numbers.flops(run.flops()),
          run.note());
    }
    return table;
  }

  private static TextTable memory(StepPlan step) {
    var keeps = List.copyOf(step.keeps().keySet());
    boolean both = keeps.size() > 1;
    var table =
        both
            ? new TextTable("region", "keep: state", "keep: all")
            : new TextTable("region", "bytes");
    memoryRow(table, "weights", keeps, keep -> step.weightBytes());
    if (step.copyBytes() > 0) {
      memoryRow(table, "weights in bf16", keeps, keep -> step.copyBytes());
    }
    if (step.teacherBytes() > 0) {
      memoryRow(table, "teacher", keeps, keep -> step.teacherBytes());
    }
    memoryRow(table, "gradients", keeps, keep -> step.gradientBytes());
    var optimizer = "optimizer (" + step.update().name() + ")";
    memoryRow(table, optimizer, keeps, keep -> step.update().stateBytes());
    memoryRow(table, "states and kept values", keeps, keep -> step.pass(keep).stateBytes());
    memoryRow(
        table,
        "workspace",
        keeps,
        keep -> Math.max(step.pass(keep).workspaceBytes(), step.update().workspaceBytes()));
    table.rule();
    memoryRow(table, "total", keeps, step::bytes);
    memoryRow(table, "moved by the pass, at least", keeps, keep -> step.pass(keep).movedBytes());
    return table;
  }

  private static void memoryRow(
      TextTable table,
      String name,
      List<Keep> keeps,
      java.util.function.ToLongFunction<Keep> bytes) {
    var cells = new ArrayList<>(List.of(name));
    keeps.forEach(keep -> cells.add(Numbers.bytes(bytes.applyAsLong(keep))));
    table.row(cells.toArray(new String[0]));
  }

  private static TextTable flops(
      StepPlan step, ParameterCounts counts, @Nullable Double flopsPerSecond) {
    var table = new TextTable("program", "runs", "FLOPs a run", "FLOPs");
    for (var part : step.pass(Keep.ALL).parts()) {
      table.row(
          part.name(), "" + part.runs(), Numbers.flops(part.flops()), Numbers.flops(part.total()));
    }
    table.rule();
    double all = step.pass(Keep.ALL).flops();
    table.row("counted", "", "", Numbers.flops(all));
    if (step.keeps().size() > 1) {
      double recomputed = step.pass(Keep.STATE).flops();
      table.row("counted, keep: state", "", "", Numbers.flops(recomputed));
    }
    table.row("published formula", "", "", Numbers.flops(formula(step, counts)));
    table.row("update of the parameters", "1", "", Numbers.flops(step.update().flops()));
    if (flopsPerSecond != null) {
      table.row(
          "time floor of pass and update",
          "",
          "",
          Numbers.duration((all + step.update().flops()) / flopsPerSecond));
    }
    return table;
  }

  /** The papers' count for one pass. */
  static double formula(StepPlan step, ParameterCounts counts) {
    double tokens = (double) step.batch() * step.time();
    return step.keeps().size() == 1
        ? PublishedFlops.fixed(counts, 1, tokens)
        : PublishedFlops.step(counts, tokens, step.depth().total(), step.depth().tracked());
  }

  private static TextTable run(RunPlan run, @Nullable Double flopsPerSecond) {
    var rise = run.curriculum();
    var table =
        new TextTable()
            .align("ll")
            .row("steps", Numbers.count(run.steps()))
            .row("tokens a step", Numbers.count(run.tokens()))
            .row("tokens", Numbers.count(run.steps() * run.tokens()));
    if (rise.steps() > 0) {
      var curve = rise.curve() == Curve.LINEAR ? "linear" : "1-sqrt";
      table.row(
          "curriculum",
          "%s over %s steps to %d".formatted(curve, Numbers.count(rise.steps()), rise.peak()));
    }
    table.row("FLOPs, published formula", Numbers.flops(run.published()));
    table.row("FLOPs, counted", Numbers.flops(run.counted()));
    if (flopsPerSecond != null) {
      table.row(
          "time floor",
          "%s at %s FLOP/s"
              .formatted(
                  Numbers.duration(run.counted() / flopsPerSecond), Numbers.flops(flopsPerSecond)));
    }
    return table;
  }
}
