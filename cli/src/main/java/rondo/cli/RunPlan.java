package rondo.cli;

import rondo.nn.checkpoint.ParameterCounts;
import rondo.nn.checkpoint.PublishedFlops;
import rondo.nn.depth.Depth;
import rondo.nn.depth.Keep;
import rondo.optim.Curriculum;
import rondo.optim.Curve;

/**
 * The FLOPs of a whole run.
 *
 * @param published by the papers' formula
 * @param counted every product of every step: adapter, head, attention, recomputation and optimiser
 */
record RunPlan(long steps, long tokens, Curriculum curriculum, double published, double counted) {
  static RunPlan of(
      StepPlan step,
      ParameterCounts counts,
      long steps,
      long tokens,
      Curriculum curriculum,
      int backprop) {
    long passes = tokens / ((long) step.batch() * step.time());
    var pass = step.pass(Keep.ALL);
    if (step.keeps().size() == 1) { // of fixed depth
      double counted = steps * (passes * pass.flops() + step.update().flops());
      return new RunPlan(
          steps, tokens, curriculum, PublishedFlops.fixed(counts, steps, (double) tokens), counted);
    }
    var curve =
        curriculum.curve() == Curve.ONE_MINUS_SQRT
            ? PublishedFlops.Curve.ONE_MINUS_SQRT
            : PublishedFlops.Curve.LINEAR;
    double published =
        PublishedFlops.recurrent(
            counts, steps, (double) tokens, curriculum.peak(), backprop, curve, curriculum.steps());
    double counted = steps * (double) step.update().flops();
    long rising = Math.min(steps, curriculum.steps());
    for (long i = 0; i < rising; i++) {
      counted += passes * pass.flops(depth(curriculum.mean(i), backprop));
    }
    counted += (steps - rising) * (passes * pass.flops(depth(curriculum.peak(), backprop)));
    return new RunPlan(steps, tokens, curriculum, published, counted);
  }

  private static Depth depth(int mean, int backprop) {
    int tracked = Math.min(mean, backprop);
    return new Depth(mean - tracked, tracked);
  }
}
