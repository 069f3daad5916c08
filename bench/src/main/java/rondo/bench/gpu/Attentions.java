package rondo.bench.gpu;

import rondo.engine.graph.DType;

/** Attention of whole sequences, forward and backward, and of one token over a cache. */
final class Attentions {
  private Attentions() {}

  static void measure(Collector lab, Preset p, int batch, int time, DType type) {
    var b = p.block();
    int heads = b.heads();
    int kv = b.kvHeads();
    int size = b.headDim();
    long rows = (long) batch * time;
    float scale = (float) (1 / Math.sqrt(size));
    double flops = 2.0 * batch * time * time * b.queryWidth();
    double bytes = (double) type.bytes() * rows * (b.qkvWidth() + b.queryWidth());
    var subject = "attention %d x %d, %d/%d heads of %d".formatted(batch, time, heads, kv, size);
    var library = lab.library();
    int code = type.code();
    lab.operation(
        Lab.Subject.flops("kernels", p.name(), subject, type.toString(), flops),
        bytes,
        o -> {
          var qkv = o.normal(type, rows * b.qkvWidth());
          var out = o.zeros(type, rows * b.queryWidth());
          var lse = o.zeros(DType.F32, rows * heads);
          return () -> library.attention(code, qkv, batch, time, heads, kv, size, scale, out, lse);
        });
    lab.operation(
        Lab.Subject.flops(
            "kernels", p.name(), subject + ", gradient", type.toString(), flops * 5 / 2),
        2 * bytes,
        o -> {
          var qkv = o.normal(type, rows * b.qkvWidth());
          var out = o.zeros(type, rows * b.queryWidth());
          var lse = o.zeros(DType.F32, rows * heads);
          var dout = o.normal(type, rows * b.queryWidth());
          var scratch = o.zeros(DType.F32, rows * heads);
          var dqkv = o.zeros(type, rows * b.qkvWidth());
          library.attention(code, qkv, batch, time, heads, kv, size, scale, out, lse);
          return () ->
              library.attentionGrad(
                  code, qkv, out, lse, dout, batch, time, heads, kv, size, scale, scratch, dqkv);
        });
  }

  /** One new token of each sequence over a full cache. */
  static void cached(Collector lab, Preset p, int batch, int capacity, DType type) {
    var b = p.block();
    int heads = b.heads();
    int kv = b.kvHeads();
    int size = b.headDim();
    double bytes = 2.0 * batch * capacity * b.kvWidth() * type.bytes();
    var subject =
        "cached attention %d x %d, %d/%d heads of %d".formatted(batch, capacity, heads, kv, size);
    var starts = new int[batch];
    java.util.Arrays.fill(starts, capacity - 1);
    lab.operation(
        Lab.Subject.bytes("decode-kernels", p.name(), subject, type.toString(), bytes),
        bytes,
        o -> {
          var qkv = o.normal(type, (long) batch * b.qkvWidth());
          var cache = o.normal(type, 2L * batch * capacity * b.kvWidth());
          var start = o.ints(starts);
          var out = o.zeros(type, (long) batch * b.queryWidth());
          float scale = (float) (1 / Math.sqrt(size));
          return () ->
              lab.library()
                  .cachedAttention(
                      type.code(),
                      qkv,
                      cache,
                      start,
                      batch,
                      1,
                      heads,
                      kv,
                      size,
                      capacity,
                      scale,
                      out);
        });
  }
}
