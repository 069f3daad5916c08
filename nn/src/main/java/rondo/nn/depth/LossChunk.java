package rondo.nn.depth;

/** How many rows of logits exist at a time. */
public final class LossChunk {
  /** Elements of logits in memory: 16 MiB of f32, small enough for a CPU's last-level cache. */
  private static final long ELEMENTS = 1L << 22;

  private LossChunk() {}

  public static int rows(long rows, int vocabulary) {
    return (int) Math.min(rows, Math.max(64, ELEMENTS / vocabulary / 64 * 64));
  }
}
