package rondo.train;

import rondo.nn.FixedModel;
import rondo.nn.RecurrentModel;
import rondo.nn.depth.DepthPlan;
import rondo.nn.depth.FixedPlan;

/** The plan of a recipe's pass over one micro-batch. */
final class StepPlans {
  private StepPlans() {}

  static FixedPlan fixed(Recipe recipe, FixedModel model) {
    return new FixedPlan(
        model,
        recipe.micro(),
        recipe.data().sequenceLength(),
        1f / recipe.accumulation(),
        recipe.activations());
  }

  static DepthPlan depth(Recipe recipe, RecurrentModel model) {
    var depth = recipe.depth();
    int tracked = depth.sampler().mostTracked(depth.curriculum().peak(), depth.backprop().peak());
    return new DepthPlan(
        model,
        recipe.micro(),
        recipe.data().sequenceLength(),
        tracked,
        depth.keep(),
        depth.randomState(),
        1f / recipe.accumulation(),
        recipe.activations());
  }
}
