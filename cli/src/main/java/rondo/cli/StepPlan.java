package rondo.cli;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import rondo.engine.weights.ParameterLayout;
import rondo.nn.FixedModel;
import rondo.nn.Model;
import rondo.nn.RecurrentModel;
import rondo.nn.depth.Depth;
import rondo.nn.depth.DepthPlan;
import rondo.nn.depth.Distillation;
import rondo.nn.depth.ExpectedDepth;
import rondo.nn.depth.Keep;
import rondo.optim.OptimizerConfig;
import rondo.train.MemoryPlan;
import rondo.train.Recipe;
import rondo.train.StepPlans;

/**
 * Memory and work of a recipe's training step after all its rises, traced at full size with nothing
 * allocated.
 *
 * @param target the depth that the sampler aims at; one recurrence of a fixed-depth model
 * @param depth the mean of what it draws
 * @param keeps by what a tracked recurrence keeps; a fixed-depth model has one entry
 */
record StepPlan(
    Recipe recipe, Depth target, ExpectedDepth depth, Update update, Map<Keep, Pass> keeps) {

  /** An update of all trained parameters, by an optimiser of some name. */
  record Update(String name, long flops) {}

  /** One program of a pass: what one run of it costs. */
  record Part(String name, long flops, long movedBytes) {
    /** How often a pass runs it. */
    double runs(ExpectedDepth depth) {
      return switch (name) {
        case "core" -> depth.frozen();
        case "core, keeping", "core backward" -> depth.tracked();
        default -> 1;
      };
    }
  }

  /** Forward and backward over one micro-batch, and the memory of a run of such. */
  record Pass(MemoryPlan memory, List<Part> parts) {
    double flops(ExpectedDepth depth) {
      return parts.stream().mapToDouble(part -> part.runs(depth) * part.flops).sum();
    }

    double movedBytes(ExpectedDepth depth) {
      return parts.stream().mapToDouble(part -> part.runs(depth) * part.movedBytes).sum();
    }
  }

  int batch() {
    return recipe.micro();
  }

  int time() {
    return recipe.data().sequenceLength();
  }

  boolean isFixed() {
    return keeps.size() == 1;
  }

  Pass pass(Keep keep) {
    return java.util.Objects.requireNonNull(keeps.get(keep));
  }

  /** As the recipe's run keeps it. */
  Pass pass() {
    return pass(isFixed() ? Keep.ALL : recipe.depth().keep());
  }

  /**
   * Plans.
   *
   * @param recipe whose rows of a pass are chosen
   * @param distillation from the recipe's teacher, or null
   */
  static StepPlan of(Recipe recipe, Model model, @Nullable Distillation distillation) {
    var layout = new ParameterLayout(model.parameters());
    var trained = recipe.updates().trained(model);
    var update = StepPlans.update(recipe, layout, trained);
    var objective = StepPlans.objective(recipe, trained, distillation);
    var keeps = new LinkedHashMap<Keep, Pass>();
    var target = new Depth(0, 1);
    var depth = new ExpectedDepth(0, 1);
    switch (model) {
      case FixedModel m -> {
        var plan = StepPlans.fixed(recipe, m, objective);
        var memory = MemoryPlan.of(recipe, layout, model, trained, update, distillation, plan);
        var part = new Part("forward and backward", plan.flops(), plan.bytes());
        keeps.put(Keep.ALL, new Pass(memory, List.of(part)));
      }
      case RecurrentModel m -> {
        var policy = recipe.depth();
        var sampler = policy.sampler();
        target =
            sampler.target(policy.curriculum().peak(), policy.backprop().peak(), sampler.ramp());
        depth = ExpectedDepth.of(sampler.scheme(), target);
        for (var keep : Keep.values()) {
          var plan = StepPlans.depth(recipe, m, objective, keep);
          var memory = MemoryPlan.of(recipe, layout, model, trained, update, distillation, plan);
          keeps.put(keep, new Pass(memory, parts(plan)));
        }
      }
    }
    var cost = new Update(name(recipe.optimizer()), update.program().flops());
    return new StepPlan(recipe, target, depth, cost, keeps);
  }

  private static List<Part> parts(DepthPlan plan) {
    return plan.runs(new Depth(1, 1)).stream()
        .map(DepthPlan.Runs::program)
        .map(program -> new Part(program.name(), program.flops(), program.bytes()))
        .toList();
  }

  private static String name(OptimizerConfig optimizer) {
    return switch (optimizer) {
      case OptimizerConfig.MuonConfig _ -> "Muon, AdamW";
      case OptimizerConfig.AdamWConfig _ -> "AdamW";
      case OptimizerConfig.EllisAdamConfig _ -> "ELLISAdam";
    };
  }
}
