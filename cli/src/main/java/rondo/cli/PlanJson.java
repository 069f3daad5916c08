package rondo.cli;

import java.util.Locale;
import org.jspecify.annotations.Nullable;
import rondo.nn.checkpoint.BaseConfig;
import rondo.nn.checkpoint.ParameterCounts;
import rondo.nn.checkpoint.RecurrentConfig;
import rondo.nn.depth.Keep;
import rondo.train.MemoryPlan;
import tools.jackson.databind.node.ObjectNode;

/** A plan for programs: numbers without rounding. */
final class PlanJson {
  private PlanJson() {}

  static ObjectNode of(
      PlanCommand.Subject subject,
      ParameterCounts counts,
      StepPlan step,
      @Nullable RunPlan run,
      @Nullable Double flopsPerSecond) {
    var json = Console.object();
    model(json.putObject("model"), subject);
    json.set("parameters", counts(counts));
    if (subject.config() instanceof RecurrentConfig) {
      var effective = json.putObject("effective_parameters");
      for (int r : PlanText.DEPTHS) {
        effective.put("" + r, counts.effective(r));
      }
    }
    var runs = json.putArray("published_runs");
    if (subject.preset() != null) {
      for (var published : PublishedRuns.of(subject.preset().name())) {
        var item = runs.addObject().put("model", published.model());
        if (published.recurrences() > 0) {
          item.put("recurrences", published.recurrences());
          item.put("curriculum", published.curriculum());
        }
        item.put("steps", published.steps());
        item.put("tokens_per_step", (long) published.tokens());
        item.put("flops", published.flops());
        item.put("note", published.note());
      }
    }
    step(json.putObject("step"), step, counts, flopsPerSecond);
    if (run != null) {
      var node = json.putObject("run");
      node.put("steps", run.steps());
      node.put("tokens_per_step", run.tokens());
      node.put("tokens", run.steps() * run.tokens());
      node.put("flops_published", run.published());
      node.put("flops_counted", run.counted());
      if (flopsPerSecond != null) {
        node.put("seconds_at_least", run.counted() / flopsPerSecond);
      }
    }
    return json;
  }

  private static void model(ObjectNode node, PlanCommand.Subject subject) {
    var config = subject.config();
    node.put("name", subject.name());
    node.put("preset", subject.preset() == null ? null : subject.preset().name());
    node.put("block", config.block().kind().name().toLowerCase(Locale.ROOT));
    switch (config) {
      case RecurrentConfig r ->
          node.put("prelude", r.prelude()).put("core", r.core()).put("coda", r.coda());
      case BaseConfig b -> node.put("layers", b.layers());
    }
    node.put("width", config.block().width());
    node.put("vocabulary", config.vocabulary());
    node.put("positions", config.maxPositions());
  }

  static ObjectNode counts(ParameterCounts counts) {
    return Console.object()
        .put("block", counts.block())
        .put("prelude", counts.prelude())
        .put("core", counts.core())
        .put("coda", counts.coda())
        .put("blocks", counts.blocks())
        .put("embedding", counts.embedding())
        .put("head", counts.head())
        .put("adapter", counts.adapter())
        .put("final_norm", counts.finalNorm())
        .put("non_embedding", counts.nonEmbedding())
        .put("total", counts.total());
  }

  private static void step(
      ObjectNode node, StepPlan step, ParameterCounts counts, @Nullable Double flopsPerSecond) {
    node.put("batch", step.batch()).put("sequence_length", step.time());
    if (!step.isFixed()) {
      node.put("sampler", step.recipe().depth().sampler().toString());
      node.put("frozen", step.depth().frozen()).put("tracked", step.depth().tracked());
      node.put("most_tracked", step.recipe().depth().mostTracked());
    }
    for (var keep : step.keeps().keySet()) {
      var pass = step.pass(keep);
      var one = node.putObject("keep_" + keep.name().toLowerCase(Locale.ROOT));
      memory(one.putObject("bytes"), pass.memory());
      one.put("bytes_moved", pass.movedBytes(step.depth()));
      one.put("flops", pass.flops(step.depth()));
      var programs = one.putArray("programs");
      for (var part : pass.parts()) {
        programs
            .addObject()
            .put("name", part.name())
            .put("runs", part.runs(step.depth()))
            .put("flops", part.flops());
      }
    }
    node.put("flops_published", PlanText.formula(step, counts));
    node.put("flops_update", step.update().flops());
    if (flopsPerSecond != null) {
      node.put(
          "seconds_at_least",
          (step.pass(Keep.ALL).flops(step.depth()) + step.update().flops()) / flopsPerSecond);
    }
  }

  private static void memory(ObjectNode node, MemoryPlan memory) {
    node.put("weights", memory.weights());
    node.put("average", memory.average());
    node.put("copies", memory.copies());
    node.put("teacher", memory.teacher());
    node.put("gradients", memory.gradients());
    node.put("optimizer", memory.optimizer());
    node.put("state", memory.state());
    node.put("workspace", memory.workspace());
    node.put("validation", memory.validation());
    node.put("total", memory.total());
  }
}
