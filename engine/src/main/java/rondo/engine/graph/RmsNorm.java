package rondo.engine.graph;

import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * {@code y = sum · rstd · gain} with {@code sum = x + residual} and {@code rstd = 1/√(mean(sum²) +
 * eps)} over the last axis (RMSNorm, arXiv 1910.07467). Outputs: y, rstd [rows] and, with a
 * residual, the sum.
 */
public record RmsNorm(Tensor x, @Nullable Tensor residual, Tensor gain, float eps) implements Op {
  public RmsNorm {
    Check.floats("rmsNorm", x);
    Check.f32("rmsNorm: gain", gain);
    Check.shape("rmsNorm: gain", gain, x.shape().last());
    if (residual != null) {
      Check.sameType("rmsNorm", x, residual);
    }
  }

  @Override
  public List<Tensor> inputs() {
    return residual == null ? List.of(x, gain) : List.of(x, residual, gain);
  }

  @Override
  public List<TensorType> outputs() {
    var rstd = rstd(x);
    return residual == null ? List.of(x.type(), rstd) : List.of(x.type(), rstd, x.type());
  }

  private static TensorType rstd(Tensor x) {
    return TensorType.f32(Math.toIntExact(x.shape().rows()));
  }

  @Override
  public void differentiate(Gradients g, List<Tensor> outputs) {
    var normed = residual == null ? x : outputs.get(2);
    var carry = residual == null ? null : g.find(outputs.get(2));
    var dy = g.find(outputs.getFirst());
    if (dy == null) { // only the sum was used
      g.add(x, () -> java.util.Objects.requireNonNull(carry));
      if (residual != null) {
        g.add(residual, () -> java.util.Objects.requireNonNull(carry));
      }
      return;
    }
    var d = g.graph().addAll(new Gradient(normed, gain, outputs.get(1), dy, carry));
    g.add(x, () -> d.get(0));
    if (residual != null) {
      g.add(residual, () -> d.get(0));
    }
    g.add(gain, () -> d.get(1));
  }

  @Override
  public boolean isOptional(int output) {
    return output > 0;
  }

  @Override
  public boolean mayOverwrite(int output, Tensor input) {
    return output == 2 && (input == x || input == residual);
  }

  /** dx = rstd·(g − x̂·mean(g·x̂)) + carry with g = dy·gain; dgain = Σ dy·x̂. */
  public record Gradient(Tensor x, Tensor gain, Tensor rstd, Tensor dy, @Nullable Tensor carry)
      implements Op {
    public Gradient {
      Check.floats("rmsNorm gradient", x);
      Check.f32("rmsNorm gradient: gain", gain);
      Check.shape("rmsNorm gradient: gain", gain, x.shape().last());
      Check.type("rmsNorm gradient: rstd", rstd, RmsNorm.rstd(x));
      Check.sameType("rmsNorm gradient", x, dy);
      if (carry != null) {
        Check.sameType("rmsNorm gradient", x, carry);
      }
    }

    @Override
    public List<Tensor> inputs() {
      return carry == null ? List.of(x, gain, rstd, dy) : List.of(x, gain, rstd, dy, carry);
    }

    @Override
    public List<TensorType> outputs() {
      return List.of(x.type(), gain.type());
    }

    @Override
    public boolean isOptional(int output) {
      return output == 1;
    }

    @Override
    public boolean accumulates(int output) {
      return output == 1;
    }

    @Override
    public boolean mayOverwrite(int output, Tensor input) {
      return output == 0 && (input == dy || input == carry) && input != x;
    }
  }
}
