package rondo.bench.gpu;

import java.lang.foreign.MemorySegment;
import java.util.stream.IntStream;
import rondo.bench.gpu.Lab.Subject;
import rondo.engine.graph.DType;
import rondo.nn.checkpoint.BlockKind;

/** What moves memory row by row: norms, the gated SiLU, rotary positions, embeddings, sums. */
final class Rows {
  private static final MemorySegment NONE = MemorySegment.NULL;
  private static final float EPS = 1e-5f;

  private final Collector lab;
  private final Preset p;
  private final int batch;
  private final int time;
  private final long rows;
  private final DType type;
  private final int code;

  private Rows(Collector lab, Preset p, int batch, int time, DType type) {
    this.lab = lab;
    this.p = p;
    this.batch = batch;
    this.time = time;
    this.rows = (long) batch * time;
    this.type = type;
    this.code = type.code();
  }

  static void measure(Collector lab, Preset p, int batch, int time, DType type) {
    var all = new Rows(lab, p, batch, time, type);
    all.norm();
    all.gatedSilu();
    all.rotary();
    all.rotaryGradients();
    all.embedding();
    all.sums();
  }

  private Subject subject(String name, double elements) {
    return Subject.bytes("kernels", p.name(), name, type.toString(), elements * type.bytes());
  }

  /** Measures an operation that moves so many elements of the type. */
  private void moving(
      String name, double elements, java.util.function.Function<Operands, Runnable> make) {
    lab.operation(subject(name, elements), elements * type.bytes(), make);
  }

  private void norm() {
    int width = p.block().width();
    long n = rows * width;
    var name = "rms_norm %d x %d".formatted(rows, width);
    var library = lab.library();
    moving(
        name,
        4.0 * n,
        o -> {
          var x = o.normal(type, n);
          var residual = o.normal(type, n);
          var gain = o.normal(DType.F32, width);
          var sum = o.zeros(type, n);
          var y = o.zeros(type, n);
          var rstd = o.zeros(DType.F32, rows);
          return () -> library.rmsNorm(code, x, residual, gain, EPS, rows, width, sum, y, rstd);
        });
    moving(
        name + ", gradient",
        4.0 * n,
        o -> {
          var x = o.normal(type, n);
          var gain = o.normal(DType.F32, width);
          var y = o.zeros(type, n);
          var rstd = o.zeros(DType.F32, rows);
          library.rmsNorm(code, x, NONE, gain, EPS, rows, width, NONE, y, rstd);
          var dy = o.normal(type, n);
          var carry = o.normal(type, n);
          var dx = o.zeros(type, n);
          var dgain = o.zeros(DType.F32, width);
          return () ->
              library.rmsNormGrad(code, x, gain, rstd, dy, carry, rows, width, dx, 1, dgain);
        });
  }

  private void gatedSilu() {
    int hidden = p.block().hidden();
    long n = rows * hidden;
    var name = "gated_silu %d x %d".formatted(rows, hidden);
    var library = lab.library();
    moving(
        name,
        3.0 * n,
        o -> {
          var x = o.normal(type, 2 * n);
          var y = o.zeros(type, n);
          return () -> library.gatedSilu(code, x, rows, hidden, y);
        });
    moving(
        name + ", gradient",
        5.0 * n,
        o -> {
          var x = o.normal(type, 2 * n);
          var dy = o.normal(type, n);
          var dx = o.zeros(type, 2 * n);
          return () -> library.gatedSiluGrad(code, x, dy, rows, hidden, dx);
        });
  }

  private int turned() {
    return p.block().queryWidth() + p.block().kvWidth();
  }

  /** With the bias or the norms that the model has, in place. */
  private void rotary() {
    var b = p.block();
    moving(
        "rotary %d x %d".formatted(rows, b.qkvWidth()),
        2.0 * rows * turned(),
        o -> {
          var qkv = o.normal(type, rows * b.qkvWidth());
          var bias = b.kind() == BlockKind.HUGINN ? o.normal(DType.F32, turned()) : NONE;
          boolean normed = b.kind() == BlockKind.OLMO2;
          var queryGain = normed ? o.normal(DType.F32, b.queryWidth()) : NONE;
          var keyGain = normed ? o.normal(DType.F32, b.kvWidth()) : NONE;
          var rstd = normed ? o.zeros(DType.F32, 2 * rows) : NONE;
          var positions = o.ints(IntStream.range(0, (int) rows).map(i -> i % time).toArray());
          var table = o.normal(DType.F32, (long) time * b.headDim());
          int interleaved = b.rope().interleaved() ? 1 : 0;
          return () ->
              lab.library()
                  .rotary(
                      code,
                      qkv,
                      bias,
                      queryGain,
                      keyGain,
                      EPS,
                      positions,
                      table,
                      time,
                      rows,
                      b.heads(),
                      b.kvHeads(),
                      b.headDim(),
                      interleaved,
                      0,
                      qkv,
                      rstd);
        });
  }

  private void rotaryGradients() {
    var b = p.block();
    if (b.kind() == BlockKind.HUGINN) {
      moving(
          "qk bias, gradient %d x %d".formatted(rows, b.qkvWidth()),
          1.0 * rows * turned(),
          o -> {
            var d = o.normal(type, rows * b.qkvWidth());
            var dbias = o.zeros(DType.F32, turned());
            return () ->
                lab.library()
                    .qkBiasGrad(code, d, rows, b.heads(), b.kvHeads(), b.headDim(), 1, dbias);
          });
    }
    if (b.kind() == BlockKind.OLMO2) {
      moving(
          "qk norm, gradient %d x %d".formatted(rows, b.qkvWidth()),
          3.0 * rows * turned(),
          o -> {
            var qkv = o.normal(type, rows * b.qkvWidth());
            var d = o.normal(type, rows * b.qkvWidth());
            var queryGain = o.normal(DType.F32, b.queryWidth());
            var keyGain = o.normal(DType.F32, b.kvWidth());
            var rstd = o.normal(DType.F32, 2 * rows);
            var dq = o.zeros(DType.F32, b.queryWidth());
            var dk = o.zeros(DType.F32, b.kvWidth());
            return () ->
                lab.library()
                    .qkNormGrad(
                        code,
                        qkv,
                        queryGain,
                        keyGain,
                        rstd,
                        d,
                        rows,
                        b.heads(),
                        b.kvHeads(),
                        b.headDim(),
                        d,
                        1,
                        dq,
                        dk);
          });
    }
  }

  private void embedding() {
    int width = p.block().width();
    int vocabulary = p.model().vocabulary();
    long n = rows * width;
    var name = "embedding %d x %d of %d".formatted(rows, width, vocabulary);
    var library = lab.library();
    moving(
        name,
        2.0 * n,
        o -> {
          var table = o.normal(type, (long) vocabulary * width);
          var tokens = o.below(vocabulary, batch * time);
          var y = o.zeros(type, n);
          return () -> library.embedding(code, table, code, tokens, rows, width, vocabulary, 1, y);
        });
    double bytes = (double) n * type.bytes() + 4.0 * vocabulary * width;
    lab.operation(
        Subject.bytes("kernels", p.name(), name + ", gradient", type.toString(), bytes),
        bytes,
        o -> {
          var dy = o.normal(type, n);
          var tokens = o.below(vocabulary, batch * time);
          var table = o.zeros(DType.F32, (long) vocabulary * width);
          return () ->
              library.embeddingGrad(code, tokens, dy, rows, width, vocabulary, 1, 0, table);
        });
  }

  private void sums() {
    int width = p.block().width();
    long n = rows * width;
    var library = lab.library();
    var shape = "%d x %d".formatted(rows, width);
    moving(
        "add " + shape,
        3.0 * n,
        o -> {
          var a = o.normal(type, n);
          var b = o.normal(type, n);
          var out = o.zeros(type, n);
          return () -> library.add(code, a, b, n, out);
        });
    moving(
        "scale " + shape,
        2.0 * n,
        o -> {
          var x = o.normal(type, n);
          var out = o.zeros(type, n);
          return () -> library.scale(code, x, 0.5f, n, out);
        });
    moving(
        "first_nonfinite " + shape,
        1.0 * n,
        o -> {
          var x = o.normal(type, n);
          var out = o.zeros(DType.I64, 1);
          return () -> library.firstNonfinite(code, x, n, out);
        });
  }
}
