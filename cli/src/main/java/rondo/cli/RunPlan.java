package rondo.cli;

import java.util.HashMap;
import java.util.Map;
import rondo.nn.checkpoint.ParameterCounts;
import rondo.nn.checkpoint.PublishedFlops;
import rondo.nn.depth.Depth;
import rondo.nn.depth.ExpectedDepth;
import rondo.optim.Curriculum;
import rondo.optim.Curve;
import rondo.train.Recipe;

/**
 * The FLOPs of a whole run.
 *
 * @param tokens of a step
 * @param published by the papers' formula, at the mean recurrence
 * @param counted of the products of all passes, recomputation and a teacher's among them, and of
 *     all updates, at the mean of the depths that each micro-batch's draw has; not of validation
 */
record RunPlan(long steps, long tokens, Curriculum curriculum, double published, double counted) {
  static RunPlan of(StepPlan step, ParameterCounts counts) {
    var recipe = step.recipe();
    long steps = recipe.steps();
    long tokens = (long) recipe.sequences() * step.time();
    var rise = recipe.depth().curriculum();
    double updates = steps * (double) step.update().flops();
    if (step.isFixed()) {
      double passes = (double) steps * recipe.accumulation() * step.pass().flops(step.depth());
      double published = PublishedFlops.fixed(counts, steps, (double) tokens);
      return new RunPlan(steps, tokens, rise, published, updates + passes);
    }
    var curve =
        rise.curve() == Curve.ONE_MINUS_SQRT
            ? PublishedFlops.Curve.ONE_MINUS_SQRT
            : PublishedFlops.Curve.LINEAR;
    int backprop = recipe.depth().backprop().peak();
    double published =
        PublishedFlops.recurrent(
            counts, steps, (double) tokens, rise.peak(), backprop, curve, rise.steps());
    return new RunPlan(steps, tokens, rise, published, updates + new Passes(recipe, step).flops());
  }

  /** The FLOPs of a run's passes, of which many aim at the same depth. */
  private static final class Passes {
    private final Recipe recipe;
    private final StepPlan step;
    private final Map<Depth, Double> known = new HashMap<>();

    Passes(Recipe recipe, StepPlan step) {
      this.recipe = recipe;
      this.step = step;
    }

    double flops() {
      var depth = recipe.depth();
      long ramp = depth.sampler().ramp();
      long passes = recipe.accumulation();
      long ramped = Math.ceilDiv(ramp, passes); // steps with a micro-batch of the ramp
      long changing =
          Math.max(Math.max(depth.curriculum().steps(), depth.backprop().steps()), ramped);
      long rising = Math.min(recipe.steps(), changing);
      double sum = 0;
      for (long i = 0; i < rising; i++) {
        long within = Math.clamp(ramp - i * passes, 0, passes);
        for (long p = 0; p < within; p++) {
          sum += flops(i, i * passes + p);
        }
        sum += (passes - within) * flops(i, ramp);
      }
      return sum + (recipe.steps() - rising) * passes * flops(rising, ramp);
    }

    /** Of a micro-batch of a step. */
    private double flops(long ofStep, long index) {
      var depth = recipe.depth();
      int mean = depth.curriculum().mean(ofStep);
      var target = depth.sampler().target(mean, depth.backprop().most(ofStep), index);
      return known.computeIfAbsent(
          target, t -> step.pass().flops(ExpectedDepth.of(depth.sampler().scheme(), t)));
    }
  }
}
