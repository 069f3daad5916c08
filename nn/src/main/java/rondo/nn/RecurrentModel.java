package rondo.nn;

import java.util.ArrayList;
import java.util.List;
import rondo.engine.graph.Cast;
import rondo.engine.graph.DType;
import rondo.engine.graph.Embedding;
import rondo.engine.graph.MatMul;
import rondo.engine.graph.Shape;
import rondo.engine.graph.Tensor;
import rondo.engine.graph.TruncatedNormal;
import rondo.engine.weights.Parameter;
import rondo.nn.checkpoint.BlockKind;
import rondo.nn.checkpoint.RecurrentConfig;

/**
 * A depth-recurrent decoder: prelude → [adapter → core] × r → coda (Huginn, arXiv 2502.05171;
 * retrofitted recurrence, arXiv 2511.07384).
 *
 * <p>The adapter A·[s; e] is A_s·s + A_e·e, and A_e·e does not change over the recurrence: {@link
 * #injection} makes it once, {@link #recur} adds it each time. Exact up to rounding.
 */
public record RecurrentModel(
    RecurrentConfig config,
    Parameter embedding,
    List<Block> prelude,
    Parameter adapter,
    List<Block> core,
    List<Block> coda,
    Norm norm,
    Parameter head)
    implements Model {

  public static RecurrentModel of(RecurrentConfig c) {
    int width = c.block().width();
    var embedding = Parameter.embedding("transformer.wte.weight", c.vocabulary(), width);
    return new RecurrentModel(
        c,
        embedding,
        blocks("transformer.prelude.", c.prelude(), c),
        Parameter.body("transformer.adapter.weight", width, 2 * width),
        blocks("transformer.core_block.", c.core(), c),
        blocks("transformer.coda.", c.coda(), c),
        Norm.of("transformer.ln_f", width, c.block().eps()),
        c.tied() ? embedding : Parameter.embedding("lm_head.weight", c.vocabulary(), width));
  }

  private static List<Block> blocks(String path, int count, RecurrentConfig c) {
    var blocks = new ArrayList<Block>();
    for (int i = 0; i < count; i++) {
      blocks.add(Block.of(path + i, c.block()));
    }
    return List.copyOf(blocks);
  }

  @Override
  public List<Parameter> parameters() {
    var all = new ArrayList<>(List.of(embedding));
    prelude.forEach(b -> all.addAll(b.parameters()));
    all.add(adapter);
    core.forEach(b -> all.addAll(b.parameters()));
    coda.forEach(b -> all.addAll(b.parameters()));
    all.add(norm.gain());
    if (!config.tied()) {
      all.add(head);
    }
    return List.copyOf(all);
  }

  /** tokens [batch, time] → A_e·e with e the prelude's output, [batch, time, width]. */
  public Tensor injection(Trace t, Tensor tokens, Positions positions) {
    var e =
        t.graph()
            .add(
                new Embedding(
                    t.parameter(embedding), tokens, (float) config.embedScale(), t.activations()));
    for (var block : prelude) {
      e = block.apply(t, e, positions);
    }
    int width = config.block().width();
    return t.graph().add(MatMul.linear(e, t.view(adapter, width, width)));
  }

  /** A key [2] → an initial state, a pure function of it. */
  public Tensor noise(Trace t, Tensor key, Shape shape) {
    var z = t.graph().add(new TruncatedNormal(key, shape, (float) config.stateStd(), 3));
    return t.activations() == DType.F32 ? z : t.graph().add(new Cast(z, t.activations()));
  }

  /** One recurrence: state and injection → the next state. */
  public Tensor recur(Trace t, Tensor state, Tensor injection, Positions positions) {
    int width = config.block().width();
    var x = t.graph().add(MatMul.linear(state, t.view(adapter, 0, width), injection));
    for (var block : core) {
      x = block.apply(t, x, positions);
    }
    return x;
  }

  /** State → what the head reads. Huginn norms the state before the coda with the final norm. */
  public Tensor features(Trace t, Tensor state, Positions positions) {
    var x = config.block().kind() == BlockKind.HUGINN ? norm.apply(t, state) : state;
    for (var block : coda) {
      x = block.apply(t, x, positions);
    }
    return norm.apply(t, x);
  }
}
