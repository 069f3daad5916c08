package rondo.engine.graph;

import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Muon's Nesterov momentum: m += (1 − μ)(g − m) in place, u = g + μ(m − g), with g the clipped
 * gradient. Outputs: m, u.
 */
public record MuonMomentum(Tensor moment, Tensor gradient, Tensor clip, float momentum)
    implements Op {
  public MuonMomentum {
    Check.f32("muonMomentum", moment, gradient, clip);
    Check.sameType("muonMomentum", moment, gradient);
    Check.shape("muonMomentum: clip", clip, 2);
  }

  @Override
  public List<Tensor> inputs() {
    return List.of(moment, gradient, clip);
  }

  @Override
  public List<TensorType> outputs() {
    return List.of(moment.type(), moment.type());
  }

  @Override
  public @Nullable Tensor updates(int output) {
    return output == 0 ? moment : null;
  }
}
