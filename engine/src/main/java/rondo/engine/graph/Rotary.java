package rondo.engine.graph;

import java.util.List;

/**
 * Rotary position embedding of queries and keys (arXiv 2104.09864). {@code table} [positions,
 * size/2, 2] holds cos and sin; {@code positions} gives each row its table row. {@code interleaved}
 * pairs neighbours (2j, 2j+1), otherwise halves (j, j + size/2). The gradient is the inverse
 * rotation.
 */
public record Rotary(
    Tensor qkv, Tensor positions, Tensor table, Heads heads, boolean interleaved, boolean inverse)
    implements Op {
  public Rotary {
    heads.check("rotary", qkv);
    Check.that(
        positions.dtype() == DType.I32 && positions.shape().size() == qkv.shape().rows(),
        "rotary: positions %s must be i32, one for each row of %s",
        positions,
        qkv);
    Check.that(
        table.shape().rank() == 3
            && table.shape().dim(1) == heads.size() / 2
            && table.shape().dim(2) == 2,
        "rotary: table %s must be [positions, %d, 2]",
        table,
        heads.size() / 2);
    Check.f32("rotary: table", table);
  }

  @Override
  public List<Tensor> inputs() {
    return List.of(qkv, positions, table);
  }

  @Override
  public List<TensorType> outputs() {
    return List.of(qkv.type());
  }

  @Override
  public void differentiate(Gradients g, List<Tensor> outputs) {
    var dy = g.of(outputs.getFirst());
    g.add(qkv, () -> g.graph().add(new Rotary(dy, positions, table, heads, interleaved, !inverse)));
  }

  @Override
  public boolean mayOverwrite(int output, Tensor input) {
    return input == qkv;
  }
}
