package rondo.cli;

import rondo.nn.checkpoint.ParameterCounts;
import rondo.nn.checkpoint.PublishedFlops;
import rondo.nn.depth.Depth;
import rondo.nn.depth.Keep;
import rondo.optim.BackpropSchedule;
import rondo.optim.Curriculum;
import rondo.optim.Curve;

/**
 * The FLOPs of a whole run.
 *
 * @param published by the papers' formula
 * @param counted every product of every step: adapter, head, attention, recomputation and
 *     optimiser; what a tracked recurrence keeps decides what is computed again
 */
record RunPlan(long steps, long tokens, Curriculum curriculum, double published, double counted) {
  static RunPlan of(
      StepPlan step,
      ParameterCounts counts,
      long steps,
      long tokens,
      Curriculum curriculum,
      BackpropSchedule backprop,
      Keep keep) {
    long passes = tokens / ((long) step.batch() * step.time());
    var pass = step.pass(keep);
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
            counts,
            steps,
            (double) tokens,
            curriculum.peak(),
            backprop.peak(),
            curve,
            curriculum.steps());
    double counted = steps * (double) step.update().flops();
    long rising = Math.min(steps, Math.max(curriculum.steps(), backprop.steps()));
    for (long i = 0; i < rising; i++) {
      counted += passes * pass.flops(depth(curriculum.mean(i), backprop.most(i)));
    }
    counted += (steps - rising) * (passes * pass.flops(depth(curriculum.peak(), backprop.peak())));
    return new RunPlan(steps, tokens, curriculum, published, counted);
  }

  private static Depth depth(int mean, int backprop) {
    int tracked = Math.min(mean, backprop);
    return new Depth(mean - tracked, tracked);
  }
}
