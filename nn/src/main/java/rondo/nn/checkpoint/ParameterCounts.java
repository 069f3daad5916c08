package rondo.nn.checkpoint;

/**
 * How many numbers a model learns, by part. A model of fixed depth is all prelude here: its core,
 * coda and adapter are 0.
 *
 * @param block one block
 * @param prelude all prelude blocks
 * @param core all core blocks, once
 * @param coda all coda blocks
 * @param head 0 where it is tied to the embedding
 * @param finalNorm the norm before the head
 */
public record ParameterCounts(
    long block,
    long prelude,
    long core,
    long coda,
    long embedding,
    long head,
    long adapter,
    long finalNorm) {
  public static ParameterCounts of(ModelConfig config) {
    long width = config.block().width();
    long block = block(config.block());
    long embedding = config.vocabulary() * width;
    long head = config.tied() ? 0 : embedding;
    return switch (config) {
      case BaseConfig base ->
          new ParameterCounts(block, base.layers() * block, 0, 0, embedding, head, 0, width);
      case RecurrentConfig recurrent ->
          new ParameterCounts(
              block,
              recurrent.prelude() * block,
              recurrent.core() * block,
              recurrent.coda() * block,
              embedding,
              head,
              2 * width * width,
              width);
    };
  }

  /** Parameters of one block. */
  public static long block(BlockConfig block) {
    long width = block.width();
    long attention = width * block.qkvWidth() + width * block.queryWidth();
    long mlp = 3 * width * block.hidden();
    long rest =
        switch (block.kind()) {
          case HUGINN -> 4 * width + 2L * block.queryWidth();
          case LLAMA -> 2 * width;
          case OLMO2 -> 2 * width + block.queryWidth() + block.kvWidth();
        };
    return attention + mlp + rest;
  }

  /** All blocks, the core's once. */
  public long blocks() {
    return prelude + core + coda;
  }

  /** Everything but embedding and head. */
  public long nonEmbedding() {
    return blocks() + adapter + finalNorm;
  }

  public long total() {
    return nonEmbedding() + embedding + head;
  }

  /** The papers' measure of compute: block parameters with the core counted once a recurrence. */
  public long effective(long recurrences) {
    return prelude + recurrences * core + coda;
  }
}
