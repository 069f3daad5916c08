package rondo.cli;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import rondo.engine.device.Region;
import rondo.engine.graph.DType;
import rondo.engine.weights.ParameterLayout;
import rondo.nn.FixedModel;
import rondo.nn.Model;
import rondo.nn.RecurrentModel;
import rondo.nn.WorkingWeights;
import rondo.nn.depth.Depth;
import rondo.nn.depth.DepthPlan;
import rondo.nn.depth.FixedPlan;
import rondo.nn.depth.Keep;
import rondo.optim.Optimizer;
import rondo.optim.OptimizerConfig;

/**
 * Memory and work of a training step, traced at full size with nothing allocated.
 *
 * @param copyBytes of the bf16 copies of the weights, none in f32
 * @param keeps by what a tracked recurrence keeps; a fixed-depth model has one entry
 */
record StepPlan(
    int batch,
    int time,
    Depth depth,
    long weightBytes,
    long copyBytes,
    Update update,
    Map<Keep, Pass> keeps) {

  /** An update of all parameters. */
  record Update(long stateBytes, long workspaceBytes, long flops) {}

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

  /** Gradients have the size of the weights. */
  long bytes(Keep keep) {
    var pass = pass(keep);
    return 2 * weightBytes
        + copyBytes
        + update.stateBytes
        + pass.stateBytes
        + Math.max(pass.workspaceBytes, update.workspaceBytes);
  }

  Pass pass(Keep keep) {
    return java.util.Objects.requireNonNull(keeps.get(keep));
  }

  static StepPlan of(
      Model model, int batch, int time, Depth depth, OptimizerConfig optimizer, DType activations) {
    var layout = new ParameterLayout(model.parameters());
    var keeps = new LinkedHashMap<Keep, Pass>();
    switch (model) {
      case FixedModel m -> {
        var plan = new FixedPlan(m, batch, time, 1, activations);
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
          var plan = new DepthPlan(m, batch, time, depth.tracked(), keep, true, 1, activations);
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
        update(layout, optimizer),
        keeps);
  }

  private static Pass pass(DepthPlan plan, Depth depth) {
    var parts =
        plan.runs(depth).stream()
            .map(r -> new Part(r.program().name(), r.times(), r.program().flops()))
            .toList();
    return new Pass(plan.stateBytes(), plan.workspaceBytes(), plan.bytes(depth), parts);
  }

  /**
   * The whole update, or, where a model has more elements than one traced tensor can (2^31), each
   * stack by itself: the same sums, and the workspace of the largest.
   */
  private static Update update(ParameterLayout layout, OptimizerConfig config) {
    if (layout.elements() <= Integer.MAX_VALUE) {
      var plan = Optimizer.plan(layout, config, 1);
      return new Update(plan.stateBytes(), plan.workspaceBytes(), plan.program().flops());
    }
    boolean muon = config instanceof OptimizerConfig.MuonConfig;
    long single = muon ? layout.restOffset() : 0;
    long twice = layout.elements() - single;
    long workspace = 0;
    long flops = 0;
    if (muon) {
      for (var stack : layout.stacks()) {
        var one = Optimizer.plan(new ParameterLayout(stack.parameters()), config, 1).program();
        workspace = Math.max(workspace, one.workspaceBytes());
        flops += one.flops();
      }
    }
    return new Update(Region.aligned(4 * single) + 2 * Region.aligned(4 * twice), workspace, flops);
  }
}
