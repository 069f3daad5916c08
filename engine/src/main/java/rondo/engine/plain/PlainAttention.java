package rondo.engine.plain;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_INT;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;

/**
 * Causal grouped-query attention: one query at a time against the keys it may see. The scratch of
 * the gradient goes unused.
 */
interface PlainAttention extends Plain {

  @Override
  default void attention(
      int type,
      MemorySegment qkv,
      long batch,
      long time,
      long heads,
      long kvHeads,
      long headDim,
      float scale,
      MemorySegment out,
      MemorySegment lse) {
    Arguments.type("rondo_attention", type);
    Arguments.extents("rondo_attention", batch, time);
    Arguments.heads("rondo_attention", heads, kvHeads, headDim);
    int dim = Math.toIntExact(headDim);
    int length = Math.toIntExact(time);
    long width = (heads + 2 * kvHeads) * headDim;
    long group = heads / kvHeads;
    for (long b = 0; b < batch; b++) {
      for (long kv = 0; kv < kvHeads; kv++) {
        long first = b * time * width;
        double[] keys = gather(0, qkv, type, first + (heads + kv) * headDim, width, length, dim);
        double[] values =
            gather(1, qkv, type, first + (heads + kvHeads + kv) * headDim, width, length, dim);
        for (long h = kv * group; h < (kv + 1) * group; h++) {
          for (int t = 0; t < length; t++) {
            long row = b * time + t;
            double[] query = rows().read(2, qkv, type, row * width + h * headDim, dim);
            double sum = attend(query, keys, values, t + 1, dim, scale);
            rows().write(query, dim, out, type, (row * heads + h) * headDim);
            if (Arguments.given(lse)) {
              lse.setAtIndex(JAVA_FLOAT, (b * heads + h) * time + t, (float) sum);
            }
          }
        }
      }
    }
  }

  @Override
  default void attentionGrad(
      int type,
      MemorySegment qkv,
      MemorySegment out,
      MemorySegment lse,
      MemorySegment dout,
      long batch,
      long time,
      long heads,
      long kvHeads,
      long headDim,
      float scale,
      MemorySegment scratch,
      MemorySegment dqkv) {
    Arguments.type("rondo_attention_grad", type);
    Arguments.extents("rondo_attention_grad", batch, time);
    Arguments.heads("rondo_attention_grad", heads, kvHeads, headDim);
    int dim = Math.toIntExact(headDim);
    int length = Math.toIntExact(time);
    int all = Math.multiplyExact(length, dim);
    long width = (heads + 2 * kvHeads) * headDim;
    long group = heads / kvHeads;
    // One slot each for the query, its gradient, the gradient and the result of its output.
    double[] line = rows().array(4, 4L * dim);
    double[] slopes = rows().array(2, 2L * all);
    for (long b = 0; b < batch; b++) {
      for (long kv = 0; kv < kvHeads; kv++) {
        long keyAt = b * time * width + (heads + kv) * headDim;
        long valueAt = keyAt + kvHeads * headDim;
        double[] keys = gather(0, qkv, type, keyAt, width, length, dim);
        double[] values = gather(1, qkv, type, valueAt, width, length, dim);
        Arrays.fill(slopes, 0, 2 * all, 0);
        for (long h = kv * group; h < (kv + 1) * group; h++) {
          for (int t = 0; t < length; t++) {
            long row = b * time + t;
            long queryAt = row * width + h * headDim;
            long outAt = (row * heads + h) * headDim;
            rows().read(qkv, type, queryAt, line, 0, dim);
            Arrays.fill(line, dim, 2 * dim, 0);
            rows().read(dout, type, outAt, line, 2 * dim, dim);
            rows().read(out, type, outAt, line, 3 * dim, dim);
            double sum = Rows.f32(lse, (b * heads + h) * time + t);
            double mean = Rows.dot(line, 2 * dim, line, 3 * dim, dim);
            for (int j = 0; j <= t; j++) {
              double p = Math.exp(scale * Rows.dot(line, 0, keys, j * dim, dim) - sum);
              double dp = Rows.dot(line, 2 * dim, values, j * dim, dim);
              double ds = scale * p * (dp - mean);
              Rows.addScaled(ds, keys, j * dim, line, dim, dim);
              Rows.addScaled(ds, line, 0, slopes, j * dim, dim);
              Rows.addScaled(p, line, 2 * dim, slopes, all + j * dim, dim);
            }
            rows().write(line, dim, dim, dqkv, type, queryAt);
          }
        }
        for (int t = 0; t < length; t++) {
          rows().write(slopes, t * dim, dim, dqkv, type, keyAt + t * width);
          rows().write(slopes, all + t * dim, dim, dqkv, type, valueAt + t * width);
        }
      }
    }
  }

  @Override
  default void cacheAppend(
      int type,
      MemorySegment qkv,
      MemorySegment start,
      long batch,
      long time,
      long heads,
      long kvHeads,
      long headDim,
      long capacity,
      MemorySegment cache) {
    Arguments.type("rondo_cache_append", type);
    Arguments.heads("rondo_cache_append", heads, kvHeads, headDim);
    slots("rondo_cache_append", start, batch, time, capacity);
    long keys = heads * headDim;
    long pair = 2 * kvHeads * headDim;
    for (long b = 0; b < batch; b++) {
      long first = b * capacity + start.getAtIndex(JAVA_INT, b);
      for (long t = 0; t < time; t++) {
        long from = (b * time + t) * (keys + pair) + keys;
        long bytes = pair * Rows.bytes(type);
        MemorySegment.copy(qkv, from * Rows.bytes(type), cache, (first + t) * bytes, bytes);
      }
    }
  }

  @Override
  default void cachedAttention(
      int type,
      MemorySegment qkv,
      MemorySegment cache,
      MemorySegment start,
      long batch,
      long time,
      long heads,
      long kvHeads,
      long headDim,
      long capacity,
      float scale,
      MemorySegment out) {
    Arguments.type("rondo_cached_attention", type);
    Arguments.heads("rondo_cached_attention", heads, kvHeads, headDim);
    slots("rondo_cached_attention", start, batch, time, capacity);
    int dim = Math.toIntExact(headDim);
    long width = (heads + 2 * kvHeads) * headDim;
    long pair = 2 * kvHeads * headDim;
    long group = heads / kvHeads;
    for (long b = 0; b < batch; b++) {
      int begin = start.getAtIndex(JAVA_INT, b);
      int length = Math.toIntExact(begin + time);
      for (long kv = 0; kv < kvHeads; kv++) {
        long keyAt = b * capacity * pair + kv * headDim;
        double[] keys = gather(0, cache, type, keyAt, pair, length, dim);
        double[] values = gather(1, cache, type, keyAt + kvHeads * headDim, pair, length, dim);
        for (long h = kv * group; h < (kv + 1) * group; h++) {
          for (int t = 0; t < time; t++) {
            long row = b * time + t;
            double[] query = rows().read(2, qkv, type, row * width + h * headDim, dim);
            attend(query, keys, values, begin + t + 1, dim, scale);
            rows().write(query, dim, out, type, (row * heads + h) * headDim);
          }
        }
      }
    }
  }

  /** The rows of one head, {@code stride} apart in memory, dense in a slot. */
  private double[] gather(
      int slot, MemorySegment from, int type, long at, long stride, int count, int dim) {
    double[] to = rows().array(slot, (long) count * dim);
    for (int t = 0; t < count; t++) {
      rows().read(from, type, at + t * stride, to, t * dim, dim);
    }
    return to;
  }

  /** Replaces the query by its mixture of values and returns the log-sum-exp of its scores. */
  private double attend(
      double[] query, double[] keys, double[] values, int count, int dim, double scale) {
    double[] weights = rows().array(3, count);
    double max = Double.NEGATIVE_INFINITY;
    for (int j = 0; j < count; j++) {
      weights[j] = scale * Rows.dot(query, 0, keys, j * dim, dim);
      max = Math.max(max, weights[j]);
    }
    double sum = 0;
    for (int j = 0; j < count; j++) {
      weights[j] = Math.exp(weights[j] - max);
      sum += weights[j];
    }
    Arrays.fill(query, 0, dim, 0);
    for (int j = 0; j < count; j++) {
      Rows.addScaled(weights[j] / sum, values, j * dim, query, 0, dim);
    }
    return max + Math.log(sum);
  }

  private static void slots(
      String function, MemorySegment start, long batch, long time, long capacity) {
    Arguments.extents(function, batch, time, capacity);
    for (long b = 0; b < batch; b++) {
      int first = start.getAtIndex(JAVA_INT, b);
      if (first < 0 || first + time > capacity) {
        String found = "sequence " + b + " at slot " + first + " with " + time + " rows";
        throw Arguments.refused(function, found, "slots within the capacity of " + capacity);
      }
    }
  }
}
