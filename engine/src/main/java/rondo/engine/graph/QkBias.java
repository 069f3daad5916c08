package rondo.engine.graph;

import java.util.List;

/** Adds a learned bias [2, 1, heads, size] to queries and keys (Huginn, arXiv 2502.05171). */
public record QkBias(Tensor qkv, Tensor bias, Heads heads) implements Op {
  public QkBias {
    heads.check("qkBias", qkv);
    Check.f32("qkBias", bias);
    Check.that(
        bias.shape().size() == heads.queryWidth() + heads.keyWidth(),
        "qkBias: bias %s must have %d elements",
        bias,
        heads.queryWidth() + heads.keyWidth());
  }

  @Override
  public List<Tensor> inputs() {
    return List.of(qkv, bias);
  }

  @Override
  public List<TensorType> outputs() {
    return List.of(qkv.type());
  }

  @Override
  public void differentiate(Gradients g, List<Tensor> outputs) {
    var dy = g.of(outputs.getFirst());
    g.add(qkv, () -> dy);
    g.add(bias, () -> g.graph().add(new Gradient(dy, bias.type(), heads)));
  }

  @Override
  public boolean mayOverwrite(int output, Tensor input) {
    return input == qkv;
  }

  /** Column sums over the query and key columns. */
  public record Gradient(Tensor dy, TensorType bias, Heads heads) implements Op {
    public Gradient {
      heads.check("qkBias gradient", dy);
      Check.that(
          bias.dtype() == DType.F32 && bias.shape().size() == heads.queryWidth() + heads.keyWidth(),
          "qkBias gradient: bias %s must be f32 with %d elements",
          bias,
          heads.queryWidth() + heads.keyWidth());
    }

    @Override
    public List<Tensor> inputs() {
      return List.of(dy);
    }

    @Override
    public List<TensorType> outputs() {
      return List.of(bias);
    }

    @Override
    public boolean accumulates(int output) {
      return true;
    }
  }
}
