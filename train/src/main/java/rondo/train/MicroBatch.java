package rondo.train;

import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;
import rondo.engine.device.Sizes;
import rondo.engine.weights.ParameterLayout;
import rondo.nn.Model;
import rondo.nn.depth.Distillation;
import rondo.optim.UpdatePlan;

/** Chooses the rows of a pass by the memory that a run plans, before any of it is allocated. */
public final class MicroBatch {
  /** Of what is free on a device: recorded graphs and libraries take some, too. */
  private static final double PART = 0.9;

  /**
   * What was chosen.
   *
   * @param planned bytes of the run with so many rows
   * @param budget bytes that it may take
   */
  public record Choice(int micro, long planned, long budget) {
    @Override
    public String toString() {
      return "batch.micro: auto is %d: %s planned, %s may be taken"
          .formatted(micro, Sizes.text(planned), Sizes.text(budget));
    }
  }

  private MicroBatch() {}

  /**
   * The largest divisor of a step's rows that fits.
   *
   * @param distillation from the recipe's teacher, or null
   * @param free bytes that are free on the device, asked where the recipe has no {@code memory}
   * @throws IllegalArgumentException when not even one row does
   */
  public static Choice choose(
      Recipe recipe, Model model, @Nullable Distillation distillation, LongSupplier free) {
    long budget = recipe.memory() > 0 ? recipe.memory() : (long) (PART * free.getAsLong());
    var layout = new ParameterLayout(model.parameters());
    var trained = recipe.updates().trained(model);
    var update = StepPlans.update(recipe, layout, trained); // the same for any rows of a pass
    long least = 0;
    for (int micro = recipe.sequences(); micro > 0; micro--) {
      if (recipe.sequences() % micro == 0) {
        least = planned(recipe.withMicro(micro), model, layout, trained, update, distillation);
        if (least <= budget) {
          return new Choice(micro, least, budget);
        }
      }
    }
    throw new IllegalArgumentException(
        "recipe: batch.micro: auto: one row needs %s and %s may be taken: expected more memory, a shorter data.sequence_length, less depth.backprop, or depth.keep: state"
            .formatted(Sizes.text(least), Sizes.text(budget)));
  }

  /** Bytes on the device of a run whose rows of a pass are chosen, at most. */
  public static long planned(Recipe recipe, Model model) {
    var layout = new ParameterLayout(model.parameters());
    var trained = recipe.updates().trained(model);
    var update = StepPlans.update(recipe, layout, trained);
    return planned(recipe, model, layout, trained, update, Teacher.of(recipe, model.config()));
  }

  private static long planned(
      Recipe recipe,
      Model model,
      ParameterLayout layout,
      ParameterLayout trained,
      UpdatePlan update,
      @Nullable Distillation distillation) {
    var objective = StepPlans.objective(recipe, trained, distillation);
    var pass = StepPlans.pass(recipe, model, objective);
    return MemoryPlan.of(recipe, layout, model, trained, update, distillation, pass).total();
  }
}
