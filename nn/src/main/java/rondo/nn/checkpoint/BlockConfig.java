package rondo.nn.checkpoint;

/**
 * The shape of one transformer block.
 *
 * @param width of the residual stream
 * @param heads of the queries
 * @param kvHeads of the keys and values; each serves heads / kvHeads query heads
 * @param headDim values per head
 * @param hidden width between the products of the MLP
 * @param eps of every RMS norm of the model
 */
public record BlockConfig(
    BlockKind kind,
    int width,
    int heads,
    int kvHeads,
    int headDim,
    int hidden,
    double eps,
    Rope rope) {
  public BlockConfig {
    Check.count("width", width, Check.MOST_WIDTH);
    Check.count("number of heads", heads, Check.MOST_WIDTH);
    Check.count("number of kv heads", kvHeads, heads);
    Check.count("head dimension", headDim, Check.MOST_WIDTH);
    Check.count("heads times head dimension", (long) heads * headDim, Check.MOST_WIDTH);
    Check.count("hidden width", hidden, Check.MOST_WIDTH);
    Check.positive("eps", eps);
    if (heads % kvHeads != 0) {
      throw new IllegalArgumentException(
          "%d heads are not a multiple of %d kv heads".formatted(heads, kvHeads));
    }
    if (headDim % 2 != 0) {
      throw new IllegalArgumentException(
          "head dimension is %d, expected an even number".formatted(headDim));
    }
    if (kind == BlockKind.HUGINN && kvHeads != heads) {
      throw new IllegalArgumentException(
          "a Huginn block has %d kv heads, expected as many as heads, %d"
              .formatted(kvHeads, heads));
    }
    if (rope.interleaved() != (kind == BlockKind.HUGINN)) {
      throw new IllegalArgumentException(
          "rotary pairs are interleaved in Huginn blocks and only there; found " + kind);
    }
  }

  /** Width of all queries together. */
  public int queryWidth() {
    return heads * headDim;
  }

  /** Width of all keys together, and of all values. */
  public int kvWidth() {
    return kvHeads * headDim;
  }

  /** Rows of the stacked query, key and value projection. */
  public int qkvWidth() {
    return queryWidth() + 2 * kvWidth();
  }
}
