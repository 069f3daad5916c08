package rondo.cli;

import java.util.ArrayList;
import java.util.List;
import java.util.function.ToLongFunction;
import org.jspecify.annotations.Nullable;
import rondo.nn.checkpoint.BaseConfig;
import rondo.nn.checkpoint.ParameterCounts;
import rondo.nn.checkpoint.PublishedFlops;
import rondo.nn.checkpoint.RecurrentConfig;
import rondo.nn.depth.ExpectedDepth;
import rondo.nn.depth.Keep;
import rondo.optim.Curve;
import rondo.train.MemoryPlan;

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
        "Memory of a run in passes of %d × %s tokens%s, %s\n"
                .formatted(
                    step.batch(),
                    Numbers.count(step.time()),
                    room(step),
                    step.pass().memory().copies() == 0
                        ? "all in float32"
                        : "activations in bfloat16")
            + memory(step));
    parts.add(
        "FLOPs of the products of such a pass and of an update%s\n"
                .formatted(step.isFixed() ? "" : depth(step))
            + flops(step, counts, flopsPerSecond));
    if (run != null) {
      parts.add("The run\n" + run(run, flopsPerSecond));
    }
    return String.join("\n\n", parts);
  }

  /** What a pass has memory for. */
  private static String room(StepPlan step) {
    return step.isFixed()
        ? ""
        : " with room for %d tracked recurrences".formatted(step.recipe().depth().mostTracked());
  }

  /** How deep a pass is. */
  private static String depth(StepPlan step) {
    return ", with %s frozen and %s tracked recurrences:\nmeans of %s, by formula or over %s draws"
        .formatted(
            Numbers.decimal(step.depth().frozen(), 2),
            Numbers.decimal(step.depth().tracked(), 2),
            step.recipe().depth().sampler().scheme().text(),
            Numbers.count(ExpectedDepth.DRAWS));
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
    var table =
        step.isFixed()
            ? new TextTable("region", "bytes")
            : new TextTable("region", "keep: state", "keep: all");
    var optimizer = "optimizer (" + step.update().name() + ")";
    memoryRow(table, "weights", step, MemoryPlan::weights);
    memoryRow(table, "averaged weights", step, MemoryPlan::average);
    memoryRow(table, "weights in bf16", step, MemoryPlan::copies);
    memoryRow(table, "teacher", step, MemoryPlan::teacher);
    memoryRow(table, "gradients", step, MemoryPlan::gradients);
    memoryRow(table, optimizer, step, MemoryPlan::optimizer);
    memoryRow(table, "states and kept values", step, MemoryPlan::state);
    memoryRow(table, "workspace", step, MemoryPlan::workspace);
    memoryRow(table, "during a validation", step, MemoryPlan::validation);
    table.rule();
    memoryRow(table, "total", step, MemoryPlan::total);
    var moved = new ArrayList<>(List.of("moved by a pass, at least"));
    step.keeps()
        .values()
        .forEach(pass -> moved.add(Numbers.bytes((long) pass.movedBytes(step.depth()))));
    return table.row(moved.toArray(new String[0]));
  }

  /** A line of what there is any of. */
  private static void memoryRow(
      TextTable table, String name, StepPlan step, ToLongFunction<MemoryPlan> bytes) {
    var cells = new ArrayList<>(List.of(name));
    long sum = 0;
    for (var pass : step.keeps().values()) {
      long here = bytes.applyAsLong(pass.memory());
      cells.add(Numbers.bytes(here));
      sum += here;
    }
    if (sum > 0) {
      table.row(cells.toArray(new String[0]));
    }
  }

  private static TextTable flops(
      StepPlan step, ParameterCounts counts, @Nullable Double flopsPerSecond) {
    var table = new TextTable("program", "runs", "FLOPs a run", "FLOPs");
    for (var part : step.pass(Keep.ALL).parts()) {
      double runs = part.runs(step.depth());
      table.row(
          part.name(),
          Numbers.decimal(runs, runs == Math.rint(runs) ? 0 : 2),
          Numbers.flops(part.flops()),
          Numbers.flops(runs * part.flops()));
    }
    table.rule();
    double all = step.pass(Keep.ALL).flops(step.depth());
    table.row("counted", "", "", Numbers.flops(all));
    if (!step.isFixed()) {
      double recomputed = step.pass(Keep.STATE).flops(step.depth());
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

  /** The papers' count for one pass, at the mean recurrence. */
  static double formula(StepPlan step, ParameterCounts counts) {
    double tokens = (double) step.batch() * step.time();
    return step.isFixed()
        ? PublishedFlops.fixed(counts, 1, tokens)
        : PublishedFlops.step(counts, tokens, step.target().total(), step.target().tracked());
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
