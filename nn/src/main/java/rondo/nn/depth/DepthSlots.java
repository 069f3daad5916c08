package rondo.nn.depth;

import java.util.ArrayList;
import java.util.List;
import rondo.engine.graph.Tensor;
import rondo.engine.graph.TensorType;

/** Numbers of the buffers that outlive a program within a training step. */
final class DepthSlots {
  final Slots slots = new Slots();
  final int tokens;
  final int targets;
  final int positions;
  final int table;
  final int noiseKey;
  final int loss;
  final List<Integer> teacher;
  final int injection;
  final int dInjection;
  final int dState;
  final int dPrevious;
  final List<Integer> preludeSaved;

  /** states[i] enters tracked recurrence i; the last one enters the coda. */
  final List<Integer> states = new ArrayList<>();

  final List<List<Integer>> coreSaved = new ArrayList<>();

  DepthSlots(DepthPlan plan) {
    var ids = TensorType.i32(plan.batch, plan.time);
    tokens = slots.add(ids);
    targets = slots.add(ids);
    positions = slots.add(ids);
    table = slots.add(plan.core.positions().table().type());
    noiseKey = slots.add(TensorType.i64(2));
    loss = slots.add(plan.coda.output().type());
    teacher = plan.teacher == null ? List.of() : plan.teacher.slots(slots);
    injection = slots.add(plan.state);
    dInjection = slots.add(plan.state);
    dState = slots.add(plan.state);
    boolean inPlace =
        plan.coreBackward.mayOverwrite(plan.dNext, plan.core.gradients().inputs().getFirst());
    dPrevious = inPlace ? dState : slots.add(plan.state);
    preludeSaved = slots.addAll(types(plan.prelude.saved()));
    for (int i = 0; i <= plan.tracked; i++) {
      states.add(slots.add(plan.state));
    }
    for (int i = 0; i < plan.tracked; i++) {
      coreSaved.add(slots.addAll(types(plan.core.saved())));
    }
  }

  private static List<TensorType> types(List<Tensor> tensors) {
    return tensors.stream().map(Tensor::type).toList();
  }

  long bytes() {
    return slots.bytes();
  }
}
