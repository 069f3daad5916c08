package rondo.engine.graph;

import java.util.List;

/**
 * AdamW (arXiv 1711.05101), in place on parameter and both moments. {@code control} [3] holds the
 * learning rate, 1 − β₁ᵗ and 1 − β₂ᵗ; {@code clip} is the pair of {@link ClipFactor}.
 */
public record AdamW(
    Tensor parameter,
    Tensor gradient,
    Tensor first,
    Tensor second,
    Tensor control,
    Tensor clip,
    float beta1,
    float beta2,
    float eps,
    float weightDecay)
    implements Op {
  public AdamW {
    Check.f32("adamW", parameter, gradient, first, second, control, clip);
    Check.sameType("adamW", parameter, gradient);
    Check.sameType("adamW", parameter, first);
    Check.sameType("adamW", parameter, second);
    Check.shape("adamW: control", control, 3);
    Check.shape("adamW: clip", clip, 2);
  }

  @Override
  public List<Tensor> inputs() {
    return List.of(parameter, gradient, first, second, control, clip);
  }

  @Override
  public List<TensorType> outputs() {
    return List.of(parameter.type(), first.type(), second.type());
  }

  @Override
  public Tensor updates(int output) {
    return output == 0 ? parameter : output == 1 ? first : second;
  }
}
