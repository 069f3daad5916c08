package rondo.nn;

import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import rondo.engine.graph.Heads;
import rondo.engine.graph.MatMul;
import rondo.engine.graph.Rotary;
import rondo.engine.graph.Tensor;
import rondo.engine.weights.Parameter;
import rondo.nn.checkpoint.BlockConfig;
import rondo.nn.checkpoint.BlockKind;

/**
 * Causal self-attention with fused query/key/value projection, rotary positions and, by kind of
 * block, a learned bias on queries and keys (Huginn) or a norm of them (OLMo 2).
 */
public record SelfAttention(
    Parameter qkv,
    Parameter proj,
    @Nullable Parameter bias,
    @Nullable Parameter queryNorm,
    @Nullable Parameter keyNorm,
    BlockConfig config) {

  static SelfAttention of(String path, BlockConfig c) {
    boolean normed = c.kind() == BlockKind.OLMO2;
    return new SelfAttention(
        Parameter.body(path + ".Wqkv.weight", c.qkvWidth(), c.width()),
        Parameter.body(path + ".proj.weight", c.width(), c.queryWidth()),
        c.kind() == BlockKind.HUGINN
            ? Parameter.gain(path + ".qk_bias", 2, 1, c.heads(), c.headDim())
            : null,
        normed ? Parameter.gain(path + ".q_norm.weight", c.queryWidth()) : null,
        normed ? Parameter.gain(path + ".k_norm.weight", c.kvWidth()) : null,
        c);
  }

  List<Parameter> parameters() {
    var all = new ArrayList<>(List.of(qkv, proj));
    if (bias != null) {
      all.add(bias);
    }
    if (queryNorm != null && keyNorm != null) {
      all.add(queryNorm);
      all.add(keyNorm);
    }
    return all;
  }

  Heads heads() {
    return new Heads(config.heads(), config.kvHeads(), config.headDim());
  }

  /** [batch, time, width] → the same. */
  Tensor apply(Trace t, Tensor x, Positions positions) {
    var g = t.graph();
    var heads = heads();
    var y =
        g.add(
            new Rotary(
                g.add(MatMul.linear(x, t.parameter(qkv))),
                bias == null ? null : t.parameter(bias),
                queryNorm == null ? null : t.parameter(queryNorm),
                keyNorm == null ? null : t.parameter(keyNorm),
                (float) config.eps(),
                positions.positions(),
                positions.table(),
                heads,
                config.rope().interleaved(),
                false));
    float scale = (float) (1 / Math.sqrt(config.headDim()));
    return g.add(MatMul.linear(positions.attend(t, y, heads, scale), t.parameter(proj)));
  }
}
