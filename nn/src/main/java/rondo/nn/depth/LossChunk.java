package rondo.nn.depth;

import rondo.engine.graph.DType;

/** How many rows of logits exist at a time. */
public final class LossChunk {
  /** Elements of logits in memory: 16 MiB of f32, small enough for a CPU's last-level cache. */
  private static final long ELEMENTS = 1L << 22;

  /** Rows in bf16, which is for GPUs: products of fewer would not fill one. */
  private static final long GPU_ROWS = 2048;

  private LossChunk() {}

  /**
   * Rows of logits at a time.
   *
   * @param activations f32 or bf16
   */
  public static int rows(long rows, int vocabulary, DType activations) {
    long fitting = Math.max(64, ELEMENTS / vocabulary / 64 * 64);
    return (int) Math.min(rows, activations == DType.BF16 ? Math.max(GPU_ROWS, fitting) : fitting);
  }
}
