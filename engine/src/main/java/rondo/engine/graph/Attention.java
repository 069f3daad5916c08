package rondo.engine.graph;

import java.util.List;

/**
 * Causal grouped-query attention by online softmax (FlashAttention, arXiv 2205.14135): qkv [batch,
 * time, width] → [batch, time, query width] and the log-sum-exp [batch, heads, time] of the scaled
 * scores. Time × time is never in memory.
 */
public record Attention(Tensor qkv, Heads heads, float scale) implements Op {
  public Attention {
    check("attention", qkv, heads);
  }

  private static void check(String operation, Tensor qkv, Heads heads) {
    heads.check(operation, qkv);
    Check.that(qkv.shape().rank() == 3, "%s: %s must be [batch, time, width]", operation, qkv);
  }

  @Override
  public List<Tensor> inputs() {
    return List.of(qkv);
  }

  @Override
  public List<TensorType> outputs() {
    return outputs(qkv, heads);
  }

  private static List<TensorType> outputs(Tensor qkv, Heads heads) {
    var s = qkv.shape();
    return List.of(
        qkv.type().withLast(heads.queryWidth()), TensorType.f32(s.dim(0), heads.query(), s.dim(1)));
  }

  @Override
  public void differentiate(Gradients g, List<Tensor> outputs) {
    var dy = g.of(outputs.getFirst());
    g.add(
        qkv,
        () -> g.graph().add(new Gradient(qkv, outputs.get(0), outputs.get(1), dy, heads, scale)));
  }

  /** Two products of time × time / 2 pairs: 2·batch·heads·time²·size with the causal half. */
  @Override
  public long flops() {
    return flops(qkv, heads);
  }

  static long flops(Tensor qkv, Heads heads) {
    long time = qkv.shape().dim(1);
    return 2L * qkv.shape().dim(0) * heads.queryWidth() * time * time;
  }

  @Override
  public boolean isOptional(int output) {
    return output == 1;
  }

  /** Recomputes the probabilities from the log-sum-exp; dqkv in one tensor. */
  public record Gradient(
      Tensor qkv, Tensor out, Tensor logSumExp, Tensor dy, Heads heads, float scale) implements Op {
    public Gradient {
      check("attention gradient", qkv, heads);
      var types = Attention.outputs(qkv, heads);
      Check.type("attention gradient: out", out, types.get(0));
      Check.type("attention gradient: logSumExp", logSumExp, types.get(1));
      Check.sameType("attention gradient", out, dy);
    }

    @Override
    public List<Tensor> inputs() {
      return List.of(qkv, out, logSumExp, dy);
    }

    @Override
    public List<TensorType> outputs() {
      return List.of(qkv.type());
    }

    /** The sum of out·dy for each row and head. */
    @Override
    public long scratchBytes() {
      return logSumExp.type().bytes();
    }

    /** Five products where the forward pass has two. */
    @Override
    public long flops() {
      return Attention.flops(qkv, heads) * 5 / 2;
    }
  }
}
