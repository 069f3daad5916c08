package rondo.engine.graph;

import java.util.List;

/**
 * RMSNorm over all queries of a token and over all keys of a token, before the head split (OLMo 2,
 * arXiv 2501.00656). Outputs: qkv with normed queries and keys, and rstd [rows, 2].
 */
public record QkNorm(Tensor qkv, Tensor queryGain, Tensor keyGain, float eps, Heads heads)
    implements Op {
  public QkNorm {
    heads.check("qkNorm", qkv);
    checkGains("qkNorm", queryGain, keyGain, heads);
  }

  private static void checkGains(String operation, Tensor queryGain, Tensor keyGain, Heads heads) {
    Check.f32(operation, queryGain, keyGain);
    Check.shape(operation + ": query gain", queryGain, heads.queryWidth());
    Check.shape(operation + ": key gain", keyGain, heads.keyWidth());
  }

  private static TensorType rstd(Tensor qkv) {
    return TensorType.f32(Math.toIntExact(qkv.shape().rows()), 2);
  }

  @Override
  public List<Tensor> inputs() {
    return List.of(qkv, queryGain, keyGain);
  }

  @Override
  public List<TensorType> outputs() {
    return List.of(qkv.type(), rstd(qkv));
  }

  @Override
  public void differentiate(Gradients g, List<Tensor> outputs) {
    var dy = g.of(outputs.getFirst());
    var d = g.graph().addAll(new Gradient(qkv, queryGain, keyGain, outputs.get(1), dy, heads));
    g.add(qkv, () -> d.get(0));
    g.add(queryGain, () -> d.get(1));
    g.add(keyGain, () -> d.get(2));
  }

  @Override
  public boolean isOptional(int output) {
    return output == 1;
  }

  @Override
  public boolean mayOverwrite(int output, Tensor input) {
    return output == 0 && input == qkv;
  }

  /** Gradients with respect to qkv and both gains. */
  public record Gradient(
      Tensor qkv, Tensor queryGain, Tensor keyGain, Tensor rstd, Tensor dy, Heads heads)
      implements Op {
    public Gradient {
      heads.check("qkNorm gradient", qkv);
      checkGains("qkNorm gradient", queryGain, keyGain, heads);
      Check.type("qkNorm gradient: rstd", rstd, QkNorm.rstd(qkv));
      Check.sameType("qkNorm gradient", qkv, dy);
    }

    @Override
    public List<Tensor> inputs() {
      return List.of(qkv, queryGain, keyGain, rstd, dy);
    }

    @Override
    public List<TensorType> outputs() {
      return List.of(qkv.type(), queryGain.type(), keyGain.type());
    }

    @Override
    public boolean accumulates(int output) {
      return output > 0;
    }

    @Override
    public boolean mayOverwrite(int output, Tensor input) {
      return output == 0 && input == dy;
    }
  }
}
