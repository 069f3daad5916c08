package rondo.engine.graph;

import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/** Reverse-mode differentiation as graph → graph: backward operations are ordinary operations. */
public final class Gradients {
  private final Graph graph;
  private final Set<Integer> active = new HashSet<>();
  private final Map<Integer, Tensor> byValue = new HashMap<>();

  private Gradients(Graph graph) {
    this.graph = graph;
  }

  /**
   * Appends to {@code y}'s graph the gradients with respect to each of {@code wrt}.
   *
   * @param dy the gradient of {@code y}; null when {@code y} is a loss, which seeds itself
   * @throws IllegalArgumentException when one of {@code wrt} has no path to {@code y}
   */
  public static List<Tensor> of(Tensor y, @Nullable Tensor dy, List<Tensor> wrt) {
    var g = new Gradients(y.graph());
    var forward = List.copyOf(g.graph.nodes());
    wrt.forEach(t -> g.active.add(t.id()));
    for (var node : forward) {
      if (node.op().inputs().stream().anyMatch(t -> g.active.contains(t.id()))) {
        node.outputs().forEach(t -> g.active.add(t.id()));
      }
    }
    if (dy != null) {
      Check.sameType("gradient", y, dy);
      g.byValue.put(y.id(), dy);
    }
    for (var node : forward.reversed()) {
      boolean root = dy == null && node.outputs().contains(y);
      if (root || node.outputs().stream().anyMatch(t -> g.byValue.containsKey(t.id()))) {
        node.op().differentiate(g, node.outputs());
      }
    }
    return wrt.stream().map(g::of).toList();
  }

  public Graph graph() {
    return graph;
  }

  /** The gradient of a value that must have one. */
  public Tensor of(Tensor value) {
    var gradient = byValue.get(value.id());
    if (gradient == null) {
      throw new IllegalArgumentException("gradient: " + value + " does not reach the result");
    }
    return gradient;
  }

  /** The gradient of a value so far, if any reached it. */
  public @Nullable Tensor find(Tensor value) {
    return byValue.get(value.id());
  }

  /** Contributes to the gradient of {@code in}; not even traced when nobody asked for it. */
  public void add(Tensor in, Supplier<Tensor> gradient) {
    if (active.contains(in.id())) {
      byValue.merge(in.id(), gradient.get(), (a, b) -> graph.add(new Add(a, b)));
    }
  }
}
