package rondo.train;

import java.util.List;
import java.util.function.Consumer;
import rondo.engine.device.Buffer;
import rondo.engine.device.Device;
import rondo.nn.RecurrentModel;
import rondo.nn.depth.Depth;

/**
 * Takes optimiser steps: micro-batches at drawn depths, the norm of their gradients, and the update
 * by it. Loss and norm are looked at before anything is changed, so that a step that must not be
 * taken leaves weights and moments as they were.
 */
final class StepRunner {
  /** Updates left out one after another, at most: a run that only skips is one that has ended. */
  static final int MOST_SKIPPED_IN_ROW = 10;

  /** A step and where the run stands after it. */
  record Taken(RunState state, StepReport report) {}

  private final Recipe recipe;
  private final Device device;
  private final Session session;
  private final Consumer<String> notes;
  private final boolean recurrent;
  private final List<Buffer> gradients;
  private final int[] tokens;
  private final int[] targets;

  StepRunner(Session session, Consumer<String> notes) {
    this.session = session;
    this.notes = notes;
    recipe = session.recipe;
    device = session.device;
    recurrent = session.weights.model() instanceof RecurrentModel;
    gradients = session.trained.runs(session.gradients);
    int size = recipe.micro() * recipe.data().sequenceLength();
    tokens = new int[size];
    targets = new int[size];
  }

  /**
   * Takes the step after a state.
   *
   * @throws TrainingException when loss or gradient are not finite and the policy is to stop, or
   *     too many steps were skipped one after another; weights and moments are those of before
   */
  Taken take(RunState before) {
    long started = System.nanoTime();
    int mean = recurrent ? recipe.depth().curriculum().mean(before.step()) : 1;
    int backprop = recipe.depth().backprop().most(before.step());
    var step = session.step;
    gradients.forEach(device::zero);
    double loss = 0;
    double divergence = 0;
    long frozen = 0;
    long tracked = 0;
    long counted = 0;
    double flops = session.optimizer.flops();
    long micro = before.micro();
    int accumulation = recipe.accumulation();
    for (int i = 0; i < accumulation; i++, micro++) {
      var depth =
          recurrent
              ? recipe.depth().sampler().draw(mean, backprop, recipe.seed(), micro)
              : new Depth(0, 1);
      session.batches.next(tokens, targets);
      device.write(step.tokens(), tokens);
      device.write(step.targets(), targets);
      step.run(depth, noiseKey(micro));
      loss += step.loss() / accumulation;
      divergence += step.divergence() / accumulation;
      counted += step.tokensCounted();
      frozen += depth.frozen();
      tracked += depth.tracked();
      flops += step.flops(depth);
    }
    double norm = session.optimizer.measure();
    boolean skipped = !(Double.isFinite(loss) && Double.isFinite(norm));
    double factor = recipe.schedule().factor(before.step());
    var policy = recipe.updates();
    boolean due = policy.isUpdated(before.step());
    if (skipped) {
      skip(before, loss, norm);
    } else if (due) {
      long updates = policy.updates(before.step(), before.skipped());
      int throttle = (int) Math.max(1, tracked / accumulation);
      session.optimizer.apply(updates, factor, throttle);
      session.working.refresh();
    }
    if (session.average != null) {
      session.average.after(before.step() + 1);
    }
    double seconds = (System.nanoTime() - started) / 1e9;
    var after =
        new RunState(
            before.step() + 1,
            micro,
            before.tokens() + counted,
            before.flops() + flops,
            session.batches.cursor(),
            before.skipped() + (skipped && due ? 1 : 0),
            skipped ? before.inRow() + 1 : 0);
    var report =
        new StepReport(
            before.step(),
            recipe.steps(),
            loss,
            norm,
            factor * recipe.optimizer().lr(),
            mean,
            (double) frozen / accumulation,
            (double) tracked / accumulation,
            after.tokens(),
            counted / seconds,
            after.flops(),
            after.skipped(),
            recipe.distill() == null ? null : divergence);
    return new Taken(after, report);
  }

  /** Says why the update is left out, or refuses to. */
  private void skip(RunState before, double loss, double norm) {
    var what =
        "step %d: %s"
            .formatted(
                before.step(),
                Double.isFinite(loss) ? "gradient norm is " + norm : "loss is " + loss);
    if (recipe.nonFinite() == Recipe.NonFinite.STOP) {
      throw new TrainingException(what);
    }
    if (before.inRow() == MOST_SKIPPED_IN_ROW) {
      throw new TrainingException(
          what
              + " after "
              + MOST_SKIPPED_IN_ROW
              + " steps in a row that were skipped for the like");
    }
    notes.accept("%s; its update is left out, %d so far".formatted(what, before.skipped() + 1));
  }

  /** The noise of each micro-batch is a pure function of the seed and its number. */
  private long noiseKey(long micro) {
    return recipe.seed() * 0x9E3779B97F4A7C15L + micro;
  }
}
