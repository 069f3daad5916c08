package rondo.train;

import java.util.List;
import java.util.OptionalDouble;
import rondo.engine.weights.Parameter;
import rondo.engine.weights.ParameterLayout;
import rondo.nn.Model;
import rondo.nn.ParameterSelector;
import rondo.optim.ParameterGroup;

/**
 * Which parameters a run updates, and what differs between them.
 *
 * @param groups the first that selects a parameter has it
 * @param frozen parameters that stay as they are
 * @param throttle whether adapter and core learn more slowly, by the mean of the tracked
 *     recurrences of a step
 * @param skipFirst whether the first step computes gradients and updates nothing, as Huginn's did
 */
public record UpdatePolicy(
    List<Group> groups, List<ParameterSelector> frozen, boolean throttle, boolean skipFirst) {
  private static final List<ParameterSelector> RECURRENT =
      List.of(new ParameterSelector("adapter"), new ParameterSelector("core"));

  /** Every parameter, as the optimiser does it. */
  public static final UpdatePolicy PLAIN = new UpdatePolicy(List.of(), List.of(), false, false);

  /**
   * Parameters that are updated alike.
   *
   * @param lrFactor of the learning rate
   * @param weightDecay in place of the optimiser's
   */
  public record Group(
      List<ParameterSelector> parameters, double lrFactor, OptionalDouble weightDecay) {
    public Group {
      parameters = List.copyOf(parameters);
    }

    /** Norm gains and biases without weight decay (Huginn's training code). */
    static Group huginnNorms() {
      return new Group(List.of(ParameterSelector.NORMS), 1, OptionalDouble.of(0));
    }
  }

  public UpdatePolicy {
    groups = List.copyOf(groups);
    frozen = List.copyOf(frozen);
  }

  /**
   * The layout of what is updated of a model: its own where nothing is frozen.
   *
   * @throws IllegalArgumentException when a name of the recipe is none of the model's, or nothing
   *     is left
   */
  public ParameterLayout trained(Model model) {
    var all = model.parameters();
    frozen.forEach(s -> require("freeze", s, all));
    groups.forEach(g -> g.parameters.forEach(s -> require("optimizer.groups", s, all)));
    var left = all.stream().filter(p -> !isSelected(p, frozen)).toList();
    if (left.isEmpty()) {
      throw new IllegalArgumentException(
          "recipe: freeze: every parameter is frozen, expected some to train");
    }
    return new ParameterLayout(left);
  }

  private static void require(String key, ParameterSelector selector, List<Parameter> all) {
    if (all.stream().noneMatch(selector::selects)) {
      throw new IllegalArgumentException(
          "recipe: %s: %s: the model has no such parameter (a tied head is the embedding; a model of fixed depth has transformer.layers.*)"
              .formatted(key, selector.text()));
    }
  }

  private static boolean isSelected(Parameter p, List<ParameterSelector> selectors) {
    return selectors.stream().anyMatch(s -> s.selects(p));
  }

  /** What differs for a parameter. */
  public ParameterGroup groupOf(Parameter p) {
    boolean throttled = throttle && isSelected(p, RECURRENT);
    for (var group : groups) {
      if (isSelected(p, group.parameters)) {
        return new ParameterGroup(group.lrFactor, group.weightDecay, throttled);
      }
    }
    return new ParameterGroup(1, OptionalDouble.empty(), throttled);
  }

  /**
   * Optimiser updates among the first {@code steps} steps.
   *
   * @param left steps whose update was left out for another reason
   */
  long updates(long steps, long left) {
    return Math.max(0, steps - (skipFirst ? 1 : 0) - left);
  }

  /** Whether the step after {@code steps} steps updates. */
  boolean isUpdated(long steps) {
    return !skipFirst || steps > 0;
  }
}
