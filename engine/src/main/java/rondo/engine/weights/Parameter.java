package rondo.engine.weights;

import rondo.engine.graph.DType;
import rondo.engine.graph.Shape;
import rondo.engine.graph.TensorType;

/**
 * A learned tensor of a model, named by its path.
 *
 * @param group how an optimiser treats it
 */
public record Parameter(String name, Shape shape, Group group) {
  /** What an optimiser needs to know of a parameter. */
  public enum Group {
    /** A matrix between hidden layers: what Muon orthogonalises. */
    BODY,
    /** Embedding and head. */
    EMBEDDING,
    /** Norm gains and biases. */
    GAIN
  }

  public static Parameter body(String name, int out, int in) {
    return new Parameter(name, Shape.of(out, in), Group.BODY);
  }

  public static Parameter embedding(String name, int vocab, int width) {
    return new Parameter(name, Shape.of(vocab, width), Group.EMBEDDING);
  }

  public static Parameter gain(String name, int... dims) {
    return new Parameter(name, Shape.of(dims), Group.GAIN);
  }

  public TensorType type() {
    return new TensorType(DType.F32, shape);
  }
}
