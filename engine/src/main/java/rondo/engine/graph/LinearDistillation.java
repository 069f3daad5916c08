package rondo.engine.graph;

import java.util.List;
import java.util.Set;
import java.util.stream.Stream;

/**
 * The student's cross-entropy mixed with its divergence from a teacher, whose logits are {@code
 * teacher·teacherHeadᵀ} and exist for as many rows at a time. Outputs: [mean cross-entropy, counted
 * rows, mean KL(p ‖ q) in nats], and the gradients of {@code gradScale · ((1 − weight) ·
 * cross-entropy + weight · temperature² · KL(p ‖ q) + z · mean of logsumexp²)} with respect to the
 * student's x and head; p and q are the softmax of the teacher's and the student's logits over the
 * temperature (Hinton et al., arXiv 1503.02531). The teacher gets no gradients.
 *
 * @param teacher its features [rows, its width]
 * @param teacherHead [vocabulary, its width]
 * @param temperature 0.001 to 1000
 * @param weight of the divergence, 0 to 1
 */
public record LinearDistillation(
    LinearCrossEntropy student, Tensor teacher, Tensor teacherHead, float temperature, float weight)
    implements Op {
  public LinearDistillation {
    var type = student.x().dtype();
    Check.that(
        teacher.dtype() == type && teacher.shape().rows() == student.x().shape().rows(),
        "linearDistillation: teacher %s must have the rows and the type of %s",
        teacher,
        student.x());
    Check.that(
        teacherHead.dtype() == type
            && teacherHead.shape().rank() == 2
            && teacherHead.shape().last() == teacher.shape().last(),
        "linearDistillation: head %s does not fit %s",
        teacherHead,
        teacher);
    Check.that(
        teacherHead.shape().dim(0) == student.head().shape().dim(0),
        "linearDistillation: head %s has another vocabulary than %s",
        teacherHead,
        student.head());
    Check.that(
        temperature >= 1e-3f && temperature <= 1e3f,
        "linearDistillation: temperature %s must be 0.001 to 1000",
        temperature);
    Check.that(weight >= 0 && weight <= 1, "linearDistillation: weight %s must be 0 to 1", weight);
  }

  @Override
  public List<Tensor> inputs() {
    return Stream.concat(student.inputs().stream(), Stream.of(teacher, teacherHead)).toList();
  }

  @Override
  public List<TensorType> outputs() {
    var gradients = student.outputs();
    return List.of(TensorType.f32(3), gradients.get(1), gradients.get(2));
  }

  @Override
  public void differentiate(Gradients g, List<Tensor> outputs) {
    student.differentiate(g, outputs);
  }

  @Override
  public boolean isOptional(int output) {
    return student.isOptional(output);
  }

  @Override
  public boolean accumulates(int output) {
    return student.accumulates(output);
  }

  @Override
  public long flops(Set<Integer> wanted) {
    return student.flops(wanted) + 2L * teacher.shape().size() * teacherHead.shape().dim(0);
  }

  @Override
  public long scratchBytes() {
    return 2 * student.scratchBytes();
  }
}
