package rondo.engine.graph;

import java.util.List;
import java.util.Set;

/**
 * Mean softmax cross-entropy of {@code x·headᵀ} against targets, rows with target -100 ignored. The
 * logits exist for {@code chunkRows} rows at a time. Outputs: [mean loss, counted rows], and the
 * gradients of {@code gradScale · (loss + z · mean of logsumexp²)} with respect to x and head, made
 * in the same pass when wanted; that of the head is f32. It can only be the root of
 * differentiation.
 *
 * @param z weight of the z-loss (PaLM, arXiv 2204.02311), which is no part of the reported loss
 */
public record LinearCrossEntropy(
    Tensor x, Tensor head, Tensor targets, int chunkRows, float gradScale, float z) implements Op {
  public LinearCrossEntropy {
    Check.floats("linearCrossEntropy", x);
    Check.that(
        head.dtype() == x.dtype(),
        "linearCrossEntropy: head %s must be of the type of %s",
        head,
        x);
    Check.that(
        head.shape().rank() == 2 && head.shape().last() == x.shape().last(),
        "linearCrossEntropy: head %s does not fit %s",
        head,
        x);
    Check.that(
        targets.dtype() == DType.I32 && targets.shape().size() == x.shape().rows(),
        "linearCrossEntropy: targets %s must be i32, one for each row of %s",
        targets,
        x);
    Check.that(chunkRows > 0, "linearCrossEntropy: chunkRows %d must be positive", chunkRows);
    Check.that(z >= 0, "linearCrossEntropy: z %s must be at least 0", z);
  }

  /** Without z-loss. */
  public LinearCrossEntropy(Tensor x, Tensor head, Tensor targets, int chunkRows, float gradScale) {
    this(x, head, targets, chunkRows, gradScale, 0);
  }

  @Override
  public List<Tensor> inputs() {
    return List.of(x, head, targets);
  }

  @Override
  public List<TensorType> outputs() {
    return List.of(TensorType.f32(2), x.type(), head.type().as(DType.F32));
  }

  @Override
  public void differentiate(Gradients g, List<Tensor> outputs) {
    // Its gradients are made in the same pass, before any factor from behind it could be known.
    Check.that(
        outputs.stream().allMatch(t -> g.find(t) == null),
        "linearCrossEntropy: only a loss that is itself the root has gradients, not %s",
        outputs.getFirst());
    g.add(x, () -> outputs.get(1));
    g.add(head, () -> outputs.get(2));
  }

  @Override
  public boolean isOptional(int output) {
    return output > 0;
  }

  @Override
  public boolean accumulates(int output) {
    return output == 2;
  }

  /** One product for the logits and one more for each gradient. */
  @Override
  public long flops(Set<Integer> wanted) {
    long gradients = wanted.stream().filter(output -> output > 0).count();
    return (1 + gradients) * 2L * x.shape().size() * head.shape().dim(0);
  }

  @Override
  public long scratchBytes() {
    return 4L * chunkRows * head.shape().dim(0);
  }
}
