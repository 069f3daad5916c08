package rondo.engine.graph;

import java.util.List;

/**
 * Attention of new queries over a cache: query t of sequence b sees slots 0 … start[b] + t.
 * Inference only: it has no gradient.
 */
public record CachedAttention(Tensor qkv, Tensor cache, Tensor start, Heads heads, float scale)
    implements Op {
  public CachedAttention {
    heads.check("cachedAttention", qkv);
    CacheAppend.checkCache("cachedAttention", cache, qkv, start, heads);
  }

  @Override
  public List<Tensor> inputs() {
    return List.of(qkv, cache, start);
  }

  @Override
  public List<TensorType> outputs() {
    return List.of(qkv.type().withLast(heads.queryWidth()));
  }

  /** At most: a full cache. */
  @Override
  public long flops() {
    return 4L * qkv.shape().rows() * heads.queryWidth() * cache.shape().dim(1);
  }
}
