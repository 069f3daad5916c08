package rondo.engine.graph;

import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * One device operation: its operands, its shape rule (in the constructor) and its gradient rule.
 * The set is closed: adding a record here makes the compiler point at the one switch that must
 * learn it.
 */
public sealed interface Op
    permits AdamW,
        Add,
        Attention,
        Attention.Gradient,
        CacheAppend,
        CachedAttention,
        Cast,
        ClipFactor,
        EllisAdam,
        Embedding,
        Embedding.Gradient,
        GatedSilu,
        GatedSilu.Gradient,
        LinearCrossEntropy,
        LinearDistillation,
        MatMul,
        MuonApply,
        MuonMomentum,
        NormalizeMatrices,
        QuantizeRows,
        QuantizedLinear,
        RmsNorm,
        RmsNorm.Gradient,
        Rotary,
        Rotary.BiasGradient,
        Rotary.NormGradient,
        Scale,
        SumSquares,
        TruncatedNormal {

  List<Tensor> inputs();

  List<TensorType> outputs();

  /**
   * Adds this operation's contribution to the gradients of its inputs. Backward operations and
   * optimiser updates have none: second derivatives are out of scope.
   */
  default void differentiate(Gradients g, List<Tensor> outputs) {
    throw new UnsupportedOperationException(
        getClass().getSimpleName() + ": no second derivatives, no gradients through updates");
  }

  /** Multiply-adds counted as two; 0 for operations that only move memory. */
  default long flops() {
    return 0;
  }

  /** The same when only these outputs are wanted. */
  default long flops(Set<Integer> wanted) {
    return flops();
  }

  /** Whether this output need not be computed when nobody wants it. */
  default boolean isOptional(int output) {
    return false;
  }

  /** Whether this output may be written over this input, read element by element before. */
  default boolean mayOverwrite(int output, Tensor input) {
    return false;
  }

  /** Whether this output can be added to what is in its memory. */
  default boolean accumulates(int output) {
    return false;
  }

  /** The input whose memory this output must share: an update in place. */
  default @Nullable Tensor updates(int output) {
    return null;
  }

  /** Temporary memory needed while it runs. */
  default long scratchBytes() {
    return 0;
  }

  /** Bytes of operands and results: what it must move at least. */
  default long bytes() {
    return inputs().stream().mapToLong(t -> t.type().bytes()).sum()
        + outputs().stream().mapToLong(TensorType::bytes).sum();
  }
}
