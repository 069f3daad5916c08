package rondo.nn;

import java.util.ArrayList;
import java.util.List;
import rondo.engine.graph.Add;
import rondo.engine.graph.Tensor;
import rondo.engine.weights.Parameter;
import rondo.nn.checkpoint.BlockConfig;

/** A transformer block: attention and MLP around a residual stream, by where its norms stand. */
public sealed interface Block {
  List<Parameter> parameters();

  /** [batch, time, width] → the same. */
  Tensor apply(Trace t, Tensor x, Positions positions);

  static Block of(String path, BlockConfig c) {
    var attention = SelfAttention.of(path + ".attn", c);
    var mlp = GatedMlp.of(path + ".mlp", c);
    var norm1 = Norm.of(path + ".norm_1", c.width(), c.eps());
    var norm2 = Norm.of(path + ".norm_2", c.width(), c.eps());
    return switch (c.kind()) {
      case LLAMA -> new PreNorm(attention, mlp, norm1, norm2);
      case OLMO2 -> new PostNorm(attention, mlp, norm1, norm2);
      case HUGINN ->
          new Sandwich(
              attention,
              mlp,
              norm1,
              norm2,
              Norm.of(path + ".norm_3", c.width(), c.eps()),
              Norm.of(path + ".norm_4", c.width(), c.eps()));
    };
  }

  private static List<Parameter> parameters(SelfAttention attention, GatedMlp mlp, Norm... norms) {
    var all = new ArrayList<>(attention.parameters());
    all.addAll(mlp.parameters());
    for (var norm : norms) {
      all.add(norm.gain());
    }
    return List.copyOf(all);
  }

  /** Llama: x += attention(norm₁(x)); x += mlp(norm₂(x)). */
  record PreNorm(SelfAttention attention, GatedMlp mlp, Norm norm1, Norm norm2) implements Block {
    @Override
    public List<Parameter> parameters() {
      return Block.parameters(attention, mlp, norm1, norm2);
    }

    @Override
    public Tensor apply(Trace t, Tensor x, Positions positions) {
      var a = attention.apply(t, norm1.apply(t, x), positions);
      var h = norm2.apply(t, a, x);
      return mlp.apply(t, h.y(), h.sum());
    }
  }

  /** OLMo 2: x += norm₁(attention(x)); x += norm₂(mlp(x)). */
  record PostNorm(SelfAttention attention, GatedMlp mlp, Norm norm1, Norm norm2) implements Block {
    @Override
    public List<Parameter> parameters() {
      return Block.parameters(attention, mlp, norm1, norm2);
    }

    @Override
    public Tensor apply(Trace t, Tensor x, Positions positions) {
      var g = t.graph();
      var h = g.add(new Add(x, norm1.apply(t, attention.apply(t, x, positions))));
      return g.add(new Add(h, norm2.apply(t, mlp.apply(t, h))));
    }
  }

  /** Huginn: x = norm₂(x + attention(norm₁(x))); x = norm₄(x + mlp(norm₃(x))). */
  record Sandwich(
      SelfAttention attention, GatedMlp mlp, Norm norm1, Norm norm2, Norm norm3, Norm norm4)
      implements Block {
    @Override
    public List<Parameter> parameters() {
      return Block.parameters(attention, mlp, norm1, norm2, norm3, norm4);
    }

    @Override
    public Tensor apply(Trace t, Tensor x, Positions positions) {
      var h = norm2.apply(t, attention.apply(t, norm1.apply(t, x), positions), x).y();
      return norm4.apply(t, mlp.apply(t, norm3.apply(t, h)), h).y();
    }
  }
}
