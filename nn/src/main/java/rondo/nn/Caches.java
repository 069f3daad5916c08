package rondo.nn;

import java.util.ArrayList;
import java.util.List;
import rondo.engine.graph.CacheAppend;
import rondo.engine.graph.CachedAttention;
import rondo.engine.graph.Heads;
import rondo.engine.graph.Shape;
import rondo.engine.graph.Tensor;
import rondo.engine.graph.TensorType;

/**
 * Keys and values of earlier tokens while a function is traced: each attention takes the next
 * cache, writes the keys and values of its new rows there and reads all up to them.
 */
public final class Caches {
  private final Tensor start;
  private final int capacity;
  private final List<Tensor> given = new ArrayList<>();
  private final List<Tensor> written = new ArrayList<>();

  /**
   * Caches of a traced function.
   *
   * @param start i32 [batch]: the slot of each sequence's first new row
   * @param capacity slots of each cache
   */
  public Caches(Tensor start, int capacity) {
    this.start = start;
    this.capacity = capacity;
  }

  /** i32 [batch], to be given to the program. */
  public Tensor start() {
    return start;
  }

  /** One for each attention so far, [batch, capacity, 2, key width]: to be given. */
  public List<Tensor> given() {
    return List.copyOf(given);
  }

  /** The same with the new rows in them: results, to be bound where {@link #given} is. */
  public List<Tensor> written() {
    return List.copyOf(written);
  }

  /** Attention of new rows over the next cache, [batch, time, query width]. */
  Tensor attend(Trace t, Tensor qkv, Heads heads, float scale) {
    var shape = Shape.of(qkv.shape().dim(0), capacity, 2, heads.keyWidth());
    var cache = t.input("cache " + given.size(), new TensorType(qkv.dtype(), shape));
    var appended = t.graph().add(new CacheAppend(cache, qkv, start, heads));
    given.add(cache);
    written.add(appended);
    return t.graph().add(new CachedAttention(qkv, appended, start, heads, scale));
  }
}
