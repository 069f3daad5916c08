package rondo.nn.depth;

import java.util.ArrayList;
import java.util.List;
import rondo.engine.graph.Tensor;
import rondo.engine.graph.TensorType;

/**
 * Numbers of the buffers that outlive a program within a decoding step; caches, which outlive the
 * step, apart.
 */
final class DecodeSlots {
  final Slots slots = new Slots();
  final Slots caches = new Slots();
  final int tokens;
  final int positions;
  final int start;
  final int table;
  final int noiseKey;
  final int injection;
  final int state;
  final int logits;
  final List<Integer> prelude;
  final List<List<Integer>> core = new ArrayList<>();
  final List<Integer> coda;

  DecodeSlots(DecodePlan plan) {
    var ids = TensorType.i32(plan.batch, plan.time);
    tokens = slots.add(ids);
    positions = slots.add(ids);
    start = slots.add(TensorType.i32(plan.batch));
    table = slots.add(plan.core.positions().table().type());
    noiseKey = slots.add(TensorType.i64(2));
    injection = slots.add(plan.prelude.output().type());
    state = slots.add(plan.state);
    logits = slots.add(plan.coda.output().type());
    prelude = caches(plan.prelude);
    for (int i = 0; i < plan.recurrences; i++) {
      core.add(caches(plan.core));
    }
    coda = caches(plan.coda);
  }

  private List<Integer> caches(DecodePlan.Stage stage) {
    return caches.addAll(stage.caches().given().stream().map(Tensor::type).toList());
  }
}
