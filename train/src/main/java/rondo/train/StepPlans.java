package rondo.train;

import org.jspecify.annotations.Nullable;
import rondo.engine.weights.ParameterLayout;
import rondo.nn.FixedModel;
import rondo.nn.RecurrentModel;
import rondo.nn.depth.DepthPlan;
import rondo.nn.depth.Distillation;
import rondo.nn.depth.FixedPlan;
import rondo.nn.depth.Keep;
import rondo.nn.depth.Objective;
import rondo.optim.UpdatePlan;

/**
 * The plans of a recipe's pass over one micro-batch and of its update; {@code trained} is what gets
 * gradients.
 */
public final class StepPlans {
  private StepPlans() {}

  /** The update of what is trained, of a model's weights as {@code all} lays them out. */
  public static UpdatePlan update(Recipe recipe, ParameterLayout all, ParameterLayout trained) {
    return new UpdatePlan(
        all, trained, recipe.optimizer(), recipe.updates()::groupOf, recipe.clip());
  }

  /** A pass of a model of fixed depth. */
  public static FixedPlan fixed(Recipe recipe, FixedModel model, Objective objective) {
    return new FixedPlan(
        model, recipe.micro(), recipe.data().sequenceLength(), objective, recipe.activations());
  }

  static DepthPlan depth(Recipe recipe, RecurrentModel model, Objective objective) {
    return depth(recipe, model, objective, recipe.depth().keep());
  }

  /**
   * A pass of a recurrent model.
   *
   * @param keep what a tracked recurrence keeps: the recipe's choice, or the other one to compare
   */
  public static DepthPlan depth(
      Recipe recipe, RecurrentModel model, Objective objective, Keep keep) {
    var depth = recipe.depth();
    return new DepthPlan(
        model,
        recipe.micro(),
        recipe.data().sequenceLength(),
        depth.mostTracked(),
        keep,
        depth.randomState(),
        objective,
        recipe.activations());
  }

  /** What a pass of the recipe minimises. */
  public static Objective objective(
      Recipe recipe, ParameterLayout trained, @Nullable Distillation distillation) {
    return new Objective(1f / recipe.accumulation(), (float) recipe.z(), trained, distillation);
  }
}
