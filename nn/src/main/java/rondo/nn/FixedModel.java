package rondo.nn;

import java.util.ArrayList;
import java.util.List;
import rondo.engine.graph.Embedding;
import rondo.engine.graph.Tensor;
import rondo.engine.weights.Parameter;
import rondo.nn.checkpoint.BaseConfig;

/** A decoder of fixed depth: embedding, blocks, final norm, head. */
public record FixedModel(
    BaseConfig config, Parameter embedding, List<Block> blocks, Norm norm, Parameter head)
    implements Model {

  public static FixedModel of(BaseConfig c) {
    var embedding =
        Parameter.embedding("transformer.wte.weight", c.vocabulary(), c.block().width());
    var blocks = new ArrayList<Block>();
    for (int i = 0; i < c.layers(); i++) {
      blocks.add(Block.of("transformer.layers." + i, c.block()));
    }
    return new FixedModel(
        c,
        embedding,
        List.copyOf(blocks),
        Norm.of("transformer.ln_f", c.block().width(), c.block().eps()),
        c.tied()
            ? embedding
            : Parameter.embedding("lm_head.weight", c.vocabulary(), c.block().width()));
  }

  @Override
  public List<Parameter> parameters() {
    var all = new ArrayList<>(List.of(embedding));
    blocks.forEach(b -> all.addAll(b.parameters()));
    all.add(norm.gain());
    if (!config.tied()) {
      all.add(head);
    }
    return List.copyOf(all);
  }

  /** tokens [batch, time] → what the head reads, [batch, time, width]. */
  public Tensor features(Trace t, Tensor tokens, Positions positions) {
    var x =
        t.graph()
            .add(
                new Embedding(
                    t.parameter(embedding), tokens, (float) config.embedScale(), t.activations()));
    for (var block : blocks) {
      x = block.apply(t, x, positions);
    }
    return norm.apply(t, x);
  }
}
