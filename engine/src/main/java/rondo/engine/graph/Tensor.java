package rondo.engine.graph;

/** A value inside a traced function: a promise of memory, never the memory itself. */
public final class Tensor {
  private final Graph graph;
  private final int id;
  private final TensorType type;
  private final String name;

  Tensor(Graph graph, int id, TensorType type, String name) {
    this.graph = graph;
    this.id = id;
    this.type = type;
    this.name = name;
  }

  /** Its number in the graph: values are numbered in the order they come to exist. */
  public int id() {
    return id;
  }

  public Graph graph() {
    return graph;
  }

  public TensorType type() {
    return type;
  }

  public DType dtype() {
    return type.dtype();
  }

  public Shape shape() {
    return type.shape();
  }

  @Override
  public String toString() {
    return "%" + id + (name.isEmpty() ? "" : "(" + name + ")") + ":" + type;
  }
}
