package rondo.engine.graph;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.stream.Collectors;

/** The record of one traced function: values in the order they come to exist. */
public final class Graph {
  /** One operation and the values it defines. */
  public record Node(Op op, List<Tensor> outputs) {
    @Override
    public String toString() {
      var operands = op.inputs().stream().map(t -> "%" + t.id()).collect(Collectors.joining(", "));
      return outputs + " = " + name(op) + "(" + operands + ")";
    }
  }

  private final List<Node> nodes = new ArrayList<>();
  private int values;

  public List<Node> nodes() {
    return Collections.unmodifiableList(nodes);
  }

  /** A value supplied from outside, named for messages: a batch, a state, a parameter. */
  public Tensor input(String name, TensorType type) {
    return new Tensor(this, values++, type, name);
  }

  /** Appends an operation; its first output. */
  public Tensor add(Op op) {
    return addAll(op).getFirst();
  }

  /** Appends an operation; all its outputs. */
  public List<Tensor> addAll(Op op) {
    for (var in : op.inputs()) {
      if (in.graph() != this) {
        throw new IllegalArgumentException(name(op) + ": " + in + " belongs to another graph");
      }
    }
    var outputs = op.outputs().stream().map(type -> input("", type)).toList();
    nodes.add(new Node(op, outputs));
    return outputs;
  }

  private static String name(Op op) {
    var type = op.getClass().getName();
    return type.substring(type.lastIndexOf('.') + 1).replace('$', '.');
  }
}
