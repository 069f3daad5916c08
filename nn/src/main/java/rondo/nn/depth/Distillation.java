package rondo.nn.depth;

import rondo.engine.graph.DType;
import rondo.engine.weights.ParameterLayout;
import rondo.nn.FixedModel;
import rondo.nn.WorkingWeights;

/**
 * A loss beside a teacher's: (1 − weight) · cross-entropy + weight · temperature² · KL(teacher ‖
 * student) at that temperature (Hinton et al., arXiv 1503.02531).
 *
 * @param teacher of the student's vocabulary, such as the base that it was made from
 * @param temperature 0.001 to 1000
 * @param weight 0 to 1
 */
public record Distillation(FixedModel teacher, float temperature, float weight) {
  /** Bytes of the teacher's weights, and of the copies that a pass reads. */
  public long teacherBytes(DType activations) {
    var layout = new ParameterLayout(teacher.parameters());
    return layout.bytes() + WorkingWeights.bytes(layout, activations);
  }
}
