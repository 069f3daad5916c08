package rondo.engine.graph;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * First fit of temporaries over exact live ranges: a value's bytes are free again after its last
 * reader, and an operation that may write over an input takes that input's bytes when it is the
 * last reader.
 */
final class Placement {
  private record Live(long offset, long bytes, int lastUse) {}

  private final Map<Integer, Long> offsets = new HashMap<>();
  private final List<Long> scratch = new ArrayList<>();
  private final List<Live> live = new ArrayList<>();
  private final Set<Integer> bound;
  private long peak;

  Placement(
      List<Tensor> given, List<Tensor> results, List<Tensor> added, List<Program.Step> steps) {
    bound = Program.ids(given);
    bound.addAll(Program.ids(results));
    var lastUse = lastUses(steps);
    for (int i = 0; i < steps.size(); i++) {
      int now = i;
      live.removeIf(l -> l.lastUse < now);
      scratch.add(-1L);
      if (steps.get(i) instanceof Program.Run run) {
        long bytes = run.scratchBytes();
        if (bytes > 0) {
          scratch.set(i, place(bytes, i));
        }
        var node = run.node();
        for (int output = 0; output < node.outputs().size(); output++) {
          var t = node.outputs().get(output);
          if (!bound.contains(t.id())
              && run.wanted().contains(output)
              && !run.accumulated().contains(output)) {
            place(node.op(), output, t, i, lastUse);
          }
        }
      }
    }
  }

  private static Map<Integer, Integer> lastUses(List<Program.Step> steps) {
    var lastUse = new HashMap<Integer, Integer>();
    for (int i = 0; i < steps.size(); i++) {
      switch (steps.get(i)) {
        case Program.Run(var node, _, _) -> {
          for (var t : node.op().inputs()) {
            lastUse.put(t.id(), i);
          }
        }
        case Program.AddInto(var value) -> lastUse.put(value.id(), i);
      }
    }
    return lastUse;
  }

  private void place(Op op, int output, Tensor t, int now, Map<Integer, Integer> lastUse) {
    long bytes = Program.aligned(t.type().bytes());
    int last = lastUse.getOrDefault(t.id(), now);
    for (var in : op.inputs()) {
      Long offset = offsets.get(in.id());
      if (offset != null
          && op.mayOverwrite(output, in)
          && lastUse.getOrDefault(in.id(), -1) == now
          && Program.aligned(in.type().bytes()) == bytes
          && live.remove(new Live(offset, bytes, now))) {
        live.add(new Live(offset, bytes, last));
        offsets.put(t.id(), offset);
        return;
      }
    }
    offsets.put(t.id(), place(bytes, last));
  }

  private long place(long bytes, int lastUse) {
    live.sort(Comparator.comparingLong(Live::offset));
    long offset = 0;
    for (var l : live) {
      if (offset + bytes <= l.offset) {
        break;
      }
      offset = Math.max(offset, l.offset + l.bytes);
    }
    live.add(new Live(offset, bytes, lastUse));
    peak = Math.max(peak, offset + bytes);
    return offset;
  }

  Map<Integer, Long> offsets() {
    return offsets;
  }

  List<Long> scratch() {
    return scratch;
  }

  long bytes() {
    return peak;
  }
}
