package rondo.cli;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import rondo.engine.graph.DType;
import rondo.engine.weights.ParameterLayout;
import rondo.nn.FixedModel;
import rondo.nn.Model;
import rondo.nn.RecurrentModel;
import rondo.nn.WorkingWeights;
import rondo.nn.depth.Depth;
import rondo.nn.depth.DepthPlan;
import rondo.nn.depth.Distillation;
import rondo.nn.depth.FixedPlan;
import rondo.nn.depth.Keep;
import rondo.nn.depth.Objective;
import rondo.optim.OptimizerConfig;
import rondo.optim.UpdatePlan;
import rondo.train.UpdatePolicy;

/**
 * Memory and work of a training step, traced at full size with nothing allocated.
 *
 * @param copyBytes of the bf16 copies of the weights, none in f32
 * @param teacherBytes of a teacher's weights and their copies, none without one
 * @param gradientBytes of what is trained
 * @param keeps by what a tracked recurrence keeps; a fixed-depth model has one entry
 */
record StepPlan(
    int batch,
    int time,
    Depth depth,
    long weightBytes,
    long copyBytes,
    long teacherBytes,
    long gradientBytes,
    Update update,
    Map<Keep, Pass> keeps) {

  /** An update of all trained parameters, by an optimiser of some name. */
  record Update(String name, long stateBytes, long workspaceBytes, long flops) {}

  /** One program of a pass: how often it runs, and what one run costs. */
  record Part(String name, int runs, long flops) {
    double total() {
      return (double) runs * flops;
    }
  }

  /** Forward and backward over one micro-batch. */
  record Pass(long stateBytes, long workspaceBytes, long movedBytes, List<Part> parts) {
    double flops() {
      return parts.stream().mapToDouble(Part::total).sum();
    }

    /** The same at another depth: only the core's runs change. */
    double flops(Depth depth) {
      double sum = 0;
      for (var part : parts) {
        int runs =
            switch (part.name) {
              case "core" -> depth.frozen();
              case "core, keeping", "core backward" -> depth.tracked();
              default -> part.runs;
            };
        sum += (double) runs * part.flops;
      }
      return sum;
    }
  }

  long bytes(Keep keep) {
    var pass = pass(keep);
    return weightBytes
        + copyBytes
        + teacherBytes
        + gradientBytes
        + update.stateBytes
        + pass.stateBytes
        + Math.max(pass.workspaceBytes, update.workspaceBytes);
  }

  Pass pass(Keep keep) {
    return java.util.Objects.requireNonNull(keeps.get(keep));
  }

  static StepPlan of(
      Model model,
      int batch,
      int time,
      Depth depth,
      OptimizerConfig optimizer,
      UpdatePolicy policy,
      @Nullable Distillation distillation,
      DType activations) {
    var layout = new ParameterLayout(model.parameters());
    var trained = policy.trained(model);
    var objective = new Objective(1, 0, trained, distillation);
    var update = new UpdatePlan(layout, trained, optimizer, policy::groupOf, 1);
    var keeps = new LinkedHashMap<Keep, Pass>();
    switch (model) {
      case FixedModel m -> {
        var plan = new FixedPlan(m, batch, time, objective, activations);
        keeps.put(
            Keep.ALL,
            new Pass(
                plan.stateBytes(),
                plan.workspaceBytes(),
                plan.bytes(),
                List.of(new Part("forward and backward", 1, plan.flops()))));
      }
      case RecurrentModel m -> {
        for (var keep : Keep.values()) {
          var plan =
              new DepthPlan(m, batch, time, depth.tracked(), keep, true, objective, activations);
          keeps.put(keep, pass(plan, depth));
        }
      }
    }
    return new StepPlan(
        batch,
        time,
        depth,
        layout.bytes(),
        WorkingWeights.bytes(layout, activations),
        distillation == null ? 0 : distillation.teacherBytes(activations),
        trained.bytes(),
        new Update(
            name(optimizer),
            update.stateBytes(),
            update.workspaceBytes(),
            update.program().flops()),
        keeps);
  }

  private static String name(OptimizerConfig optimizer) {
    return switch (optimizer) {
      case OptimizerConfig.MuonConfig _ -> "Muon, AdamW";
      case OptimizerConfig.AdamWConfig _ -> "AdamW";
      case OptimizerConfig.EllisAdamConfig _ -> "ELLISAdam";
    };
  }

  private static Pass pass(DepthPlan plan, Depth depth) {
    var parts =
        plan.runs(depth).stream()
            .map(r -> new Part(r.program().name(), r.times(), r.program().flops()))
            .toList();
    return new Pass(plan.stateBytes(), plan.workspaceBytes(), plan.bytes(depth), parts);
  }
}
