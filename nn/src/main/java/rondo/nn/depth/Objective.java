package rondo.nn.depth;

import org.jspecify.annotations.Nullable;
import rondo.engine.graph.DType;
import rondo.engine.weights.ParameterLayout;
import rondo.nn.Model;

/**
 * What a training step differentiates, and with respect to what.
 *
 * @param scale of the loss in the gradients: 1 / micro-batches
 * @param z weight of the z-loss, the mean square of the logits' logsumexp
 * @param trained the parameters that get gradients, as these lie in memory; others are constants
 * @param distillation from a teacher, or null for the cross-entropy alone
 */
public record Objective(
    float scale, float z, ParameterLayout trained, @Nullable Distillation distillation) {
  /** Without a teacher. */
  public Objective(float scale, float z, ParameterLayout trained) {
    this(scale, z, trained, null);
  }

  /** The cross-entropy, for all parameters of a model. */
  public static Objective of(Model model, float scale) {
    return new Objective(scale, 0, new ParameterLayout(model.parameters()));
  }

  @Nullable TeacherPlan teacher(int batch, int time, DType activations) {
    return distillation == null ? null : new TeacherPlan(distillation, batch, time, activations);
  }
}
