package rondo.engine.graph;

import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.IntStream;

/**
 * The operations needed to get from some values of a graph to others, with every temporary placed
 * in one workspace: work without addresses. What to keep and what to recompute is the choice of
 * {@code given}. It knows its FLOPs and bytes before anything runs.
 *
 * @param given values bound from outside
 * @param results values written to memory bound from outside
 * @param added values added to memory bound from outside
 * @param offsets where each temporary lies in the workspace, by value
 * @param scratch where each step's scratch lies in the workspace, by step; -1 for none
 */
public record Program(
    String name,
    List<Tensor> given,
    List<Tensor> results,
    List<Tensor> added,
    List<Step> steps,
    Map<Integer, Long> offsets,
    List<Long> scratch,
    long workspaceBytes) {

  /** Alignment of every temporary: a cache line, and what a GPU loads at once. */
  public static final long ALIGNMENT = 256;

  /** One thing a device does. */
  public sealed interface Step permits Run, AddInto {}

  /**
   * An operation.
   *
   * @param wanted its outputs that somebody reads, and those not given that it cannot leave out
   * @param accumulated its outputs that it adds to bound memory itself
   */
  public record Run(Graph.Node node, Set<Integer> wanted, Set<Integer> accumulated)
      implements Step {
    /**
     * Whether the operation must write an output for nobody, because it is given: into scratch, so
     * that what is given is never written.
     */
    public boolean discards(int output) {
      return !wanted.contains(output) && !node.op().isOptional(output);
    }

    /** Bytes of the operation's own scratch and, behind it, of the outputs that it discards. */
    public long scratchBytes() {
      return discardOffset(node.outputs().size());
    }

    /** Where a discarded output lies in the step's scratch. */
    public long discardOffset(int output) {
      long offset = aligned(node.op().scratchBytes());
      for (int i = 0; i < output; i++) {
        offset += discards(i) ? aligned(node.outputs().get(i).type().bytes()) : 0;
      }
      return offset;
    }

    @Override
    public String toString() {
      return node.toString();
    }

    /** Bytes of operands and of the results that are made. */
    long bytes() {
      return node.op().inputs().stream().mapToLong(t -> t.type().bytes()).sum()
          + IntStream.range(0, node.outputs().size())
              .filter(i -> wanted.contains(i) || discards(i))
              .mapToLong(i -> node.outputs().get(i).type().bytes())
              .sum();
    }
  }

  /** Adds a temporary to the memory bound for it: for producers that cannot accumulate. */
  public record AddInto(Tensor value) implements Step {
    @Override
    public String toString() {
      return "AddInto(%" + value.id() + ")";
    }
  }

  public Program {
    given = List.copyOf(given);
    results = List.copyOf(results);
    added = List.copyOf(added);
    steps = List.copyOf(steps);
    offsets = Map.copyOf(offsets);
    scratch = List.copyOf(scratch);
  }

  /** Walks back from the results, stopping at {@code given}; everything else is left out. */
  public static Program slice(
      String name, Graph graph, List<Tensor> given, List<Tensor> results, List<Tensor> added) {
    var known = ids(given);
    var needed = ids(results);
    needed.addAll(ids(added));
    var nodes = new ArrayList<Graph.Node>();
    for (var node : graph.nodes().reversed()) {
      if (node.outputs().stream()
          .anyMatch(t -> needed.contains(t.id()) && !known.contains(t.id()))) {
        nodes.add(node);
        node.op().inputs().forEach(t -> needed.add(t.id()));
      }
    }
    Collections.reverse(nodes);
    var produced = new HashSet<Integer>();
    nodes.forEach(n -> n.outputs().forEach(t -> produced.add(t.id())));
    for (var node : nodes) {
      for (var in : node.op().inputs()) {
        if (!known.contains(in.id()) && !produced.contains(in.id())) {
          throw new IllegalArgumentException(name + ": " + in + " is needed but not given");
        }
      }
    }
    for (var t : concat(results, added)) {
      if (!produced.contains(t.id()) || known.contains(t.id())) {
        throw new IllegalArgumentException(name + ": result " + t + " is not computed here");
      }
    }
    for (var t : added) {
      if (results.contains(t)) {
        throw new IllegalArgumentException(name + ": " + t + " is both written and added");
      }
    }
    var steps = steps(name, nodes, known, ids(results), added);
    var placement = new Placement(given, results, added, steps);
    return new Program(
        name,
        given,
        results,
        added,
        steps,
        placement.offsets(),
        placement.scratch(),
        placement.bytes());
  }

  /**
   * Decides for each added value whether its producer accumulates or a separate addition follows.
   */
  private static List<Step> steps(
      String name,
      List<Graph.Node> nodes,
      Set<Integer> known,
      Set<Integer> results,
      List<Tensor> added) {
    var readers = new HashMap<Integer, Integer>();
    nodes.forEach(n -> n.op().inputs().forEach(t -> readers.merge(t.id(), 1, Integer::sum)));
    var toAdd = ids(added);
    var steps = new ArrayList<Step>();
    for (var node : nodes) {
      var wanted = new HashSet<Integer>();
      var accumulated = new HashSet<Integer>();
      var after = new ArrayList<Step>();
      // A kernel has one flag for all that it can accumulate.
      boolean together =
          IntStream.range(0, node.outputs().size())
              .filter(node.op()::accumulates)
              .mapToObj(node.outputs()::get)
              .mapToInt(Tensor::id)
              .allMatch(id -> toAdd.contains(id) && !readers.containsKey(id));
      for (int i = 0; i < node.outputs().size(); i++) {
        var t = node.outputs().get(i);
        boolean read = readers.containsKey(t.id());
        if (known.contains(t.id())) {
          Check.that(
              node.op().updates(i) == null,
              "%s: %s is given, and making the others of its step would update it again",
              name,
              t);
        } else if (toAdd.contains(t.id())) {
          wanted.add(i);
          if (together && node.op().accumulates(i)) {
            accumulated.add(i);
          } else {
            after.add(new AddInto(t));
          }
        } else if (read || results.contains(t.id()) || !node.op().isOptional(i)) {
          wanted.add(i);
        }
      }
      steps.add(new Run(node, Set.copyOf(wanted), Set.copyOf(accumulated)));
      steps.addAll(after);
    }
    return steps;
  }

  /**
   * Whether {@code result} may be written over {@code input}: every read of the input comes before
   * the write, or is the write's own operation reading it element by element.
   */
  public boolean mayOverwrite(Tensor input, Tensor result) {
    int written = -1;
    int read = -1;
    for (int i = 0; i < steps.size(); i++) {
      if (steps.get(i) instanceof Run(var node, _, _)) {
        int output = node.outputs().indexOf(result);
        boolean reads = node.op().inputs().contains(input);
        if (output >= 0) {
          written = i;
          if (reads
              && (node.op().mayOverwrite(output, input) || node.op().updates(output) == input)) {
            reads = false;
          }
        }
        if (reads) {
          read = i;
        }
      }
    }
    return read < written;
  }

  /** Floating-point operations, multiply and add counted as two; only products are counted. */
  public long flops() {
    long sum = 0;
    for (var step : steps) {
      if (step instanceof Run(var node, var wanted, _)) {
        sum += node.op().flops(wanted);
      }
    }
    return sum;
  }

  /** Bytes of all operands and results of all steps: what must move at least without caches. */
  public long bytes() {
    return steps.stream()
        .mapToLong(s ->
            switch (s) {
              case Run run -> run.bytes();
              case AddInto(var value) -> 3 * value.type().bytes();
            })
        .sum();
  }

  static long aligned(long bytes) {
    return (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
  }

  static Set<Integer> ids(List<Tensor> tensors) {
    var ids = new HashSet<Integer>();
    tensors.forEach(t -> ids.add(t.id()));
    return ids;
  }

  private static List<Tensor> concat(List<Tensor> a, List<Tensor> b) {
    var all = new ArrayList<>(a);
    all.addAll(b);
    return all;
  }
}
