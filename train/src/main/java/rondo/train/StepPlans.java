package rondo.train;

import org.jspecify.annotations.Nullable;
import rondo.engine.weights.ParameterLayout;
import rondo.nn.FixedModel;
import rondo.nn.Model;
import rondo.nn.RecurrentModel;
import rondo.nn.depth.DepthPlan;
import rondo.nn.depth.Distillation;
import rondo.nn.depth.FixedPlan;
import rondo.nn.depth.Keep;
import rondo.nn.depth.Objective;
import rondo.nn.depth.PassPlan;
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

  /** A pass of any model, which keeps what the recipe says. */
  static PassPlan pass(Recipe recipe, Model model, Objective objective) {
    return switch (model) {
      case FixedModel m -> fixed(recipe, m, objective);
      case RecurrentModel m -> depth(recipe, m, objective, recipe.depth().keep());
    };
  }

  /** What a pass of the recipe minimises. */
  public static Objective objective(
      Recipe recipe, ParameterLayout trained, @Nullable Distillation distillation) {
    return new Objective(1f / recipe.accumulation(), (float) recipe.z(), trained, distillation);
  }
}
