package rondo.engine.graph;

import java.util.List;

/**
 * ELLISAdam (Huginn's training code, arXiv 2502.05171; "AdamW*" of arXiv 2511.07384) on one tensor,
 * in place on parameter and both moments. {@code control} [5] holds the learning rate, 1 − β₁ᵗ, 1 −
 * β₂ᵗ, the learning rate over its peak, and 1 where the moments begin at the first gradient, else
 * 0; {@code clip} is the pair of {@link ClipFactor}.
 *
 * @param updateClipping whether the step shrinks by the tensor's root mean of g²/v where that
 *     exceeds 1, with v at least eps²
 * @param atan2 whether m/(d + eps) is atan2(m, d), with d the corrected root of v
 */
public record EllisAdam(
    Tensor parameter,
    Tensor gradient,
    Tensor first,
    Tensor second,
    Tensor control,
    Tensor clip,
    float beta1,
    float beta2,
    float eps,
    float weightDecay,
    boolean updateClipping,
    boolean atan2)
    implements Op {
  public EllisAdam {
    Check.f32("ellisAdam", parameter, gradient, first, second, control, clip);
    Check.sameType("ellisAdam", parameter, gradient);
    Check.sameType("ellisAdam", parameter, first);
    Check.sameType("ellisAdam", parameter, second);
    Check.shape("ellisAdam: control", control, 5);
    Check.shape("ellisAdam: clip", clip, 2);
    Check.that(
        !updateClipping || eps >= 1.1e-19f,
        "ellisAdam: eps %s must be at least 1.1e-19 with update clipping",
        eps);
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
