package rondo.engine.graph;

import java.util.List;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * {@code rotate(norm(qkv + bias))} of queries and keys, of which the first two are optional; values
 * are only copied.
 *
 * <p>{@code bias} [.., heads, size], in the order of query and key heads, is added (Huginn, arXiv
 * 2502.05171). The gains make an RMSNorm over all queries of a token and one over all its keys
 * (OLMo 2, arXiv 2501.00656). The rotation (RoPE, arXiv 2104.09864) takes cos and sin from {@code
 * table} [positions, size/2, 2], of which {@code positions} gives each row its row; {@code
 * interleaved} pairs neighbours (2j, 2j+1), otherwise halves (j, j + size/2). Its gradient is the
 * inverse rotation, then what {@link BiasGradient} and {@link NormGradient} say.
 *
 * <p>Outputs: out and, with gains, rstd [rows, 2] of queries and keys.
 */
public record Rotary(
    Tensor qkv,
    @Nullable Tensor bias,
    @Nullable Tensor queryGain,
    @Nullable Tensor keyGain,
    float eps,
    Tensor positions,
    Tensor table,
    Heads heads,
    boolean interleaved,
    boolean inverse)
    implements Op {
  public Rotary {
    heads.check("rotary", qkv);
    if (bias != null) {
      checkBias("rotary", bias.type(), heads);
    }
    Check.that(
        (queryGain == null) == (keyGain == null),
        "rotary: %s with a gain for queries or for keys alone",
        qkv);
    if (queryGain != null && keyGain != null) {
      checkGains("rotary", queryGain, keyGain, heads);
    }
    Check.that(
        bias == null || queryGain == null,
        "rotary: %s with a bias and gains, of which it takes one",
        qkv);
    Check.that(
        !inverse || (bias == null && queryGain == null),
        "rotary: %s backwards with a bias or gains",
        qkv);
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

  /** The rotation alone. */
  public Rotary(
      Tensor qkv,
      Tensor positions,
      Tensor table,
      Heads heads,
      boolean interleaved,
      boolean inverse) {
    this(qkv, null, null, null, 0, positions, table, heads, interleaved, inverse);
  }

  private static void checkBias(String operation, TensorType bias, Heads heads) {
    Check.that(
        bias.dtype() == DType.F32 && bias.shape().size() == heads.queryWidth() + heads.keyWidth(),
        "%s: bias %s must be f32 with %d elements",
        operation,
        bias,
        heads.queryWidth() + heads.keyWidth());
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
    return Stream.of(qkv, bias, queryGain, keyGain, positions, table)
        .flatMap(Stream::ofNullable)
        .toList();
  }

  @Override
  public List<TensorType> outputs() {
    return queryGain == null ? List.of(qkv.type()) : List.of(qkv.type(), rstd(qkv));
  }

  @Override
  public void differentiate(Gradients g, List<Tensor> outputs) {
    var dy = g.of(outputs.getFirst());
    var d = g.graph().add(new Rotary(dy, positions, table, heads, interleaved, !inverse));
    if (queryGain != null && keyGain != null) {
      var norm = new NormGradient(qkv, queryGain, keyGain, outputs.get(1), d, heads);
      var all = g.graph().addAll(norm);
      g.add(qkv, () -> all.get(0));
      g.add(queryGain, () -> all.get(1));
      g.add(keyGain, () -> all.get(2));
      return;
    }
    g.add(qkv, () -> d);
    if (bias != null) {
      g.add(bias, () -> g.graph().add(new BiasGradient(d, bias.type(), heads)));
    }
  }

  @Override
  public boolean isOptional(int output) {
    return output == 1;
  }

  @Override
  public boolean mayOverwrite(int output, Tensor input) {
    return output == 0 && input == qkv;
  }

  /** Of the bias: column sums over the query and key columns of d, which is before the rotation. */
  public record BiasGradient(Tensor d, TensorType bias, Heads heads) implements Op {
    public BiasGradient {
      heads.check("rotary: bias gradient", d);
      checkBias("rotary: bias gradient", bias, heads);
    }

    @Override
    public List<Tensor> inputs() {
      return List.of(d);
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

  /** Of qkv and both gains, from d, which is before the rotation. */
  public record NormGradient(
      Tensor qkv, Tensor queryGain, Tensor keyGain, Tensor rstd, Tensor d, Heads heads)
      implements Op {
    public NormGradient {
      heads.check("rotary: norm gradient", qkv);
      checkGains("rotary: norm gradient", queryGain, keyGain, heads);
      Check.type("rotary: norm gradient: rstd", rstd, Rotary.rstd(qkv));
      Check.sameType("rotary: norm gradient", qkv, d);
    }

    @Override
    public List<Tensor> inputs() {
      return List.of(qkv, queryGain, keyGain, rstd, d);
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
      return output == 0 && input == d;
    }
  }
}
