package rondo.train;

import rondo.engine.weights.ParameterLayout;
import rondo.nn.FixedModel;
import rondo.nn.Model;
import rondo.nn.RecurrentModel;
import rondo.nn.depth.DepthPlan;
import rondo.nn.depth.FixedPlan;
import rondo.nn.depth.Objective;
import rondo.optim.UpdatePlan;

/** The plans of a recipe's pass over one micro-batch, and of its update. */
final class StepPlans {
  private StepPlans() {}

  static UpdatePlan update(Recipe recipe, Model model) {
    var policy = recipe.updates();
    return new UpdatePlan(
        new ParameterLayout(model.parameters()),
        policy.trained(model),
        recipe.optimizer(),
        policy::groupOf,
        recipe.clip());
  }

  private static Objective objective(Recipe recipe, Model model) {
    return new Objective(
        1f / recipe.accumulation(), (float) recipe.z(), recipe.updates().trained(model));
  }

  static FixedPlan fixed(Recipe recipe, FixedModel model) {
    return new FixedPlan(
        model,
        recipe.micro(),
        recipe.data().sequenceLength(),
        objective(recipe, model),
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
        objective(recipe, model),
        recipe.activations());
  }
}
