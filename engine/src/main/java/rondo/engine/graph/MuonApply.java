package rondo.engine.graph;

import java.util.List;

/** p = p·(1 − lr·weightDecay) − lr·scale·o in place, lr = {@code control[0]}. */
public record MuonApply(
    Tensor parameter, Tensor direction, Tensor control, float scale, float weightDecay)
    implements Op {
  public MuonApply {
    Check.f32("muonApply", parameter, control);
    Check.that(
        parameter.shape().equals(direction.shape()),
        "muonApply: %s and %s differ",
        parameter,
        direction);
    Check.floats("muonApply", direction);
    Check.shape("muonApply: control", control, 1);
  }

  @Override
  public List<Tensor> inputs() {
    return List.of(parameter, direction, control);
  }

  @Override
  public List<TensorType> outputs() {
    return List.of(parameter.type());
  }

  @Override
  public Tensor updates(int output) {
    return parameter;
  }
}
