package rondo.engine.graph;

import java.util.List;

/**
 * Writes the keys and values of qkv [batch, time, width] into a cache [batch, capacity, 2, key
 * width] in place, row t of sequence b at slot {@code start[b] + t}.
 */
public record CacheAppend(Tensor cache, Tensor qkv, Tensor start, Heads heads) implements Op {
  public CacheAppend {
    heads.check("cacheAppend", qkv);
    checkCache("cacheAppend", cache, qkv, start, heads);
  }

  static void checkCache(String operation, Tensor cache, Tensor qkv, Tensor start, Heads heads) {
    Check.that(
        cache.dtype() == qkv.dtype(),
        "%s: cache %s must be of the type of %s",
        operation,
        cache,
        qkv);
    Check.that(qkv.shape().rank() == 3, "%s: %s must be [batch, time, width]", operation, qkv);
    int batch = qkv.shape().dim(0);
    Check.that(
        cache.shape().rank() == 4
            && cache.shape().dim(0) == batch
            && cache.shape().dim(2) == 2
            && cache.shape().dim(3) == heads.keyWidth(),
        "%s: cache %s must be [%d, capacity, 2, %d]",
        operation,
        cache,
        batch,
        heads.keyWidth());
    Check.that(
        start.dtype() == DType.I32 && start.shape().size() == batch,
        "%s: start %s must be i32, one for each of %d sequences",
        operation,
        start,
        batch);
  }

  @Override
  public List<Tensor> inputs() {
    return List.of(cache, qkv, start);
  }

  @Override
  public List<TensorType> outputs() {
    return List.of(cache.type());
  }

  @Override
  public Tensor updates(int output) {
    return cache;
  }
}
