package rondo.engine.graph;

/**
 * How the last axis of a fused projection is cut: query heads, then key heads, then value heads,
 * each {@code size} wide. With fewer key/value heads than query heads, groups of query heads share
 * one.
 */
public record Heads(int query, int keyValue, int size) {
  public Heads {
    Check.that(
        query > 0 && keyValue > 0 && size > 0 && query % keyValue == 0 && size % 2 == 0,
        "heads: %d query heads, %d key/value heads of size %d: query must be a multiple, size even",
        query,
        keyValue,
        size);
  }

  /** Width of the queries, which is that of the attention's output. */
  public int queryWidth() {
    return query * size;
  }

  public int keyWidth() {
    return keyValue * size;
  }

  /** Width of queries, keys and values together. */
  public int width() {
    return queryWidth() + 2 * keyWidth();
  }

  void check(String operation, Tensor qkv) {
    Check.floats(operation, qkv);
    Check.that(
        qkv.shape().last() == width(),
        "%s: %s must be %d wide for %s",
        operation,
        qkv,
        width(),
        this);
  }
}
