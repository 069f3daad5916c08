package rondo.bench.gpu;

import java.lang.foreign.MemorySegment;
import rondo.bench.gpu.Lab.Subject;
import rondo.engine.graph.DType;

/** What an optimiser step is made of, on many elements, and Newton-Schulz on a preset's stacks. */
final class Updates {
  private static final float[] NEWTON_SCHULZ = {3.4445f, -4.7750f, 2.0315f};

  private final Collector lab;
  private final int n;

  private Updates(Collector lab, int n) {
    this.lab = lab;
    this.n = n;
  }

  static void measure(Collector lab, boolean tiny) {
    var all = new Updates(lab, 1 << (tiny ? 10 : 26));
    all.adamw();
    all.ellisAdam();
    all.muon();
    all.rest();
  }

  private void moving(
      String name, double bytesEach, java.util.function.Function<Operands, Runnable> make) {
    var subject = Subject.bytes("kernels", "", name + " " + n, "f32", bytesEach * n);
    lab.operation(subject, bytesEach * n, make);
  }

  private void adamw() {
    moving(
        "adamw",
        28,
        o -> {
          var p = o.normal(DType.F32, n);
          var g = o.normal(DType.F32, n);
          var m = o.zeros(DType.F32, n);
          var v = o.zeros(DType.F32, n);
          var control = o.normal(DType.F32, 1e-3, 3);
          var clip = o.normal(DType.F32, 2);
          return () -> lab.library().adamw(p, g, m, v, control, clip, n, 0.9f, 0.95f, 1e-8f, 0.01f);
        });
  }

  private void ellisAdam() {
    moving(
        "ellis_adam",
        36,
        o -> {
          var p = o.normal(DType.F32, n);
          var g = o.normal(DType.F32, n);
          var m = o.zeros(DType.F32, n);
          var v = o.zeros(DType.F32, n);
          var control = o.normal(DType.F32, 1e-3, 5);
          var clip = o.normal(DType.F32, 2);
          return () ->
              lab.library()
                  .ellisAdam(p, g, m, v, control, clip, n, 0.9f, 0.95f, 1e-6f, 0.01f, 1, 1);
        });
  }

  private void muon() {
    moving(
        "muon_momentum",
        16,
        o -> {
          var m = o.zeros(DType.F32, n);
          var g = o.normal(DType.F32, n);
          var clip = o.normal(DType.F32, 2);
          var u = o.zeros(DType.F32, n);
          return () -> lab.library().muonMomentum(m, g, clip, n, 0.95f, u);
        });
    // Read twice: for the norm, then to divide by it.
    int matrices = 16;
    moving(
        "normalize_matrices to bf16",
        10,
        o -> {
          var x = o.normal(DType.F32, n);
          var out = o.zeros(DType.BF16, n);
          return () ->
              lab.library()
                  .normalizeMatrices(x, matrices, n / matrices, 1e-7f, out, DType.BF16.code());
        });
    moving(
        "muon_apply of bf16",
        10,
        o -> {
          var p = o.normal(DType.F32, n);
          var direction = o.normal(DType.BF16, n);
          var control = o.normal(DType.F32, 1e-3, 3);
          return () ->
              lab.library().muonApply(p, direction, DType.BF16.code(), control, n, 1, 0.01f);
        });
  }

  private void rest() {
    var library = lab.library();
    moving(
        "sum_squares",
        4,
        o -> {
          var x = o.normal(DType.F32, n);
          var out = o.zeros(DType.F32, 1);
          return () -> library.sumSquares(x, n, out);
        });
    moving(
        "cast f32 to bf16",
        6,
        o -> {
          var x = o.normal(DType.F32, n);
          var out = o.zeros(DType.BF16, n);
          return () -> library.cast(x, DType.F32.code(), n, out, DType.BF16.code());
        });
    moving(
        "truncated_normal",
        4,
        o -> {
          var key = o.zeros(DType.I64, 2);
          var out = o.zeros(DType.F32, n);
          return () -> library.truncatedNormal(key, 1, 3, n, out);
        });
    moving(
        "zero",
        4,
        o -> {
          var x = o.zeros(DType.F32, n);
          return () -> library.zero(x, 4L * n);
        });
  }

  /** Five iterations on the core's stacks; FLOPs as if nothing were symmetric. */
  static void newtonSchulz(Collector lab, Preset p) {
    var b = p.block();
    int count = p.model().core();
    newtonSchulz(lab, p, count, b.width(), b.width());
    newtonSchulz(lab, p, count, b.width(), b.hidden());
    newtonSchulz(lab, p, count, 2 * b.hidden(), b.width());
  }

  private static void newtonSchulz(Collector lab, Preset p, int count, int rows, int columns) {
    int small = Math.min(rows, columns);
    int large = Math.max(rows, columns);
    double flops = 5.0 * count * (4.0 * small * small * large + 2.0 * small * small * small);
    var name = "newton_schulz %d of %d x %d".formatted(count, rows, columns);
    lab.operation(
        Subject.flops("kernels", p.name(), name, "bf16", flops),
        2.0 * count * rows * columns,
        o -> {
          long size = (long) rows * columns;
          var x = o.normal(DType.F32, count * size);
          var y = o.zeros(DType.BF16, count * size);
          var next = o.zeros(DType.BF16, count * size);
          var gram = o.zeros(DType.BF16, (long) count * small * small);
          var poly = o.zeros(DType.BF16, (long) count * small * small);
          boolean tall = rows > columns;
          return () -> {
            lab.library().normalizeMatrices(x, count, size, 1e-7f, y, DType.BF16.code());
            var from = y;
            var to = next;
            for (int i = 0; i < 5; i++) {
              iterate(lab, count, rows, columns, tall, from, gram, poly, to);
              var last = from;
              from = to;
              to = last;
            }
          };
        });
  }

  /** A = XXᵀ, B = bA + cA², then aX + BX; from the right where X is tall. */
  private static void iterate(
      Collector lab,
      int count,
      int rows,
      int columns,
      boolean tall,
      MemorySegment x,
      MemorySegment gram,
      MemorySegment poly,
      MemorySegment out) {
    long s = Math.min(rows, columns);
    long l = Math.max(rows, columns);
    product(lab, count, s, s, l, 1, x, tall, columns, x, !tall, columns, 0, gram, gram, s, 1);
    float b = NEWTON_SCHULZ[1];
    product(
        lab, count, s, s, s, NEWTON_SCHULZ[2], gram, false, s, gram, false, s, b, gram, poly, s, 1);
    float a = NEWTON_SCHULZ[0];
    if (tall) {
      product(
          lab, count, rows, columns, s, 1, x, false, columns, poly, false, s, a, x, out, columns,
          0);
    } else {
      product(
          lab, count, rows, columns, s, 1, poly, false, s, x, false, columns, a, x, out, columns,
          0);
    }
  }

  private static void product(
      Collector lab,
      long batch,
      long m,
      long n,
      long k,
      float alpha,
      MemorySegment a,
      boolean ta,
      long aLd,
      MemorySegment b,
      boolean tb,
      long bLd,
      float beta,
      MemorySegment c,
      MemorySegment out,
      long ld,
      int symmetric) {
    int type = DType.BF16.code();
    lab.library()
        .matmul(
            batch,
            m,
            n,
            k,
            alpha,
            a,
            type,
            ta ? 1 : 0,
            aLd,
            m * k,
            b,
            type,
            tb ? 1 : 0,
            bLd,
            k * n,
            beta,
            beta == 0 ? MemorySegment.NULL : c,
            ld,
            m * n,
            out,
            type,
            ld,
            m * n,
            symmetric);
  }
}
