package rondo.nn.depth;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import rondo.engine.graph.Graph;
import rondo.engine.graph.Program;
import rondo.engine.graph.Tensor;

/** Which forward values a backward pass reads. */
final class Saved {
  private Saved() {}

  /**
   * The forward values that gradients read.
   *
   * @param forward nodes of the graph before it was differentiated
   * @param given inputs that both passes have anyway
   */
  static List<Tensor> of(
      Graph graph, int forward, List<Tensor> given, Tensor dy, List<Tensor> gradients) {
    var values = new ArrayList<Tensor>();
    graph.nodes().subList(0, forward).forEach(n -> values.addAll(n.outputs()));
    var all = new ArrayList<>(given);
    all.add(dy);
    all.addAll(values);
    var backward = Program.slice("saved", graph, all, gradients, List.of());
    Set<Tensor> read = new HashSet<>();
    for (var step : backward.steps()) {
      if (step instanceof Program.Run(var node, _, _)) {
        read.addAll(node.op().inputs());
      }
    }
    return values.stream().filter(read::contains).toList();
  }
}
