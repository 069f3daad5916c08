package rondo.train;

import org.jspecify.annotations.Nullable;
import rondo.engine.graph.TensorType;
import rondo.engine.weights.ParameterLayout;
import rondo.nn.Model;
import rondo.nn.WorkingWeights;
import rondo.nn.depth.Distillation;
import rondo.nn.depth.PassPlan;
import rondo.optim.UpdatePlan;

/**
 * Bytes that a run takes on its device, at most, by what they hold.
 *
 * @param weights in f32
 * @param average the averaged weights (EMA), 0 without
 * @param copies of the weights in bf16, 0 in f32
 * @param teacher its weights and their copies, 0 without one
 * @param gradients of what is trained
 * @param optimizer moments and settings
 * @param state what of a pass outlives a program: batch, states, kept values
 * @param workspace of the largest program of pass and update
 * @param validation what a measurement takes beside all this, 0 where none is made
 */
public record MemoryPlan(
    long weights,
    long average,
    long copies,
    long teacher,
    long gradients,
    long optimizer,
    long state,
    long workspace,
    long validation) {

  /**
   * Of a recipe whose rows of a pass are chosen.
   *
   * @param layout of all the model's weights
   * @param trained what of them gets gradients
   */
  public static MemoryPlan of(
      Recipe recipe,
      ParameterLayout layout,
      Model model,
      ParameterLayout trained,
      UpdatePlan update,
      @Nullable Distillation distillation,
      PassPlan pass) {
    long copies = WorkingWeights.bytes(layout, recipe.activations());
    return new MemoryPlan(
        layout.bytes(),
        recipe.ema() == null ? 0 : layout.bytes(),
        copies,
        distillation == null ? 0 : distillation.teacherBytes(recipe.activations()),
        trained.bytes(),
        update.stateBytes(),
        pass.stateBytes(),
        Math.max(pass.workspaceBytes(), update.workspaceBytes()),
        recipe.data().validation() == null
            ? 0
            : measuring(recipe, model, pass.workspaceBytes(), copies));
  }

  /** What a validation adds for its time: its programs are a part of the pass's. */
  private static long measuring(Recipe recipe, Model model, long workspace, long copies) {
    int time = recipe.data().sequenceLength();
    var block = model.config().block();
    var hidden = TensorType.of(recipe.activations(), recipe.micro(), time, block.width());
    var ids = TensorType.i32(recipe.micro(), time);
    long table = 4L * time * block.headDim();
    return workspace + copies + 2 * hidden.bytes() + 3 * ids.bytes() + table + 10 * 256;
  }

  public long total() {
    return weights
        + average
        + copies
        + teacher
        + gradients
        + optimizer
        + state
        + workspace
        + validation;
  }
}
