package rondo.engine.graph;

import java.util.List;

/**
 * {@code scale · table[tokens]}: [vocab, width] and [..] → [.., width] of type {@code out}. The
 * table's gradient is f32.
 */
public record Embedding(Tensor table, Tensor tokens, float scale, DType out) implements Op {
  public Embedding {
    Check.that(out.isFloat(), "embedding: %s as %s: only f32 and bf16", table, out);
    Check.floats("embedding", table);
    Check.that(tokens.dtype() == DType.I32, "embedding: tokens %s must be i32", tokens);
    Check.that(table.shape().rank() == 2, "embedding: table %s must be [vocab, width]", table);
  }

  /** In f32. */
  public Embedding(Tensor table, Tensor tokens, float scale) {
    this(table, tokens, scale, DType.F32);
  }

  @Override
  public List<Tensor> inputs() {
    return List.of(table, tokens);
  }

  @Override
  public List<TensorType> outputs() {
    var dims = new java.util.ArrayList<>(tokens.shape().dims());
    dims.add(table.shape().last());
    return List.of(new TensorType(out, new Shape(dims)));
  }

  @Override
  public void differentiate(Gradients g, List<Tensor> outputs) {
    var dy = g.of(outputs.getFirst());
    g.add(table, () -> g.graph().add(new Gradient(tokens, dy, table.shape().dim(0), scale)));
  }

  /** Sums the rows of {@code dy} that read the same table row. */
  public record Gradient(Tensor tokens, Tensor dy, int vocab, float scale) implements Op {
    public Gradient {
      Check.floats("embedding gradient", dy);
      Check.that(
          tokens.dtype() == DType.I32 && tokens.shape().size() == dy.shape().rows(),
          "embedding gradient: tokens %s must be i32, one for each row of %s",
          tokens,
          dy);
      Check.that(vocab > 0, "embedding gradient: vocabulary %d must be positive", vocab);
    }

    @Override
    public List<Tensor> inputs() {
      return List.of(tokens, dy);
    }

    @Override
    public List<TensorType> outputs() {
      return List.of(TensorType.f32(vocab, dy.shape().last()));
    }

    @Override
    public boolean accumulates(int output) {
      return true;
    }
  }
}
