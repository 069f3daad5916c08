package rondo.bench.gpu;

import java.lang.foreign.MemorySegment;
import rondo.engine.graph.DType;

/** The linear layers of a model over all rows of a batch: forward and both gradients. */
final class Products {
  private Products() {}

  static void measure(Collector lab, Preset p, int rows, DType type) {
    for (var layer : p.layers()) {
      int in = layer.in();
      int out = layer.out();
      var part = "kernels";
      var name = layer.name();
      measure(lab, part, p.name(), title(name, rows, out, in), type, rows, out, in, false, true);
      measure(
          lab,
          part,
          p.name(),
          title(name + ", input gradient", rows, in, out),
          type,
          rows,
          in,
          out,
          false,
          false);
      measure(
          lab,
          part,
          p.name(),
          title(name + ", weight gradient", out, in, rows),
          type,
          out,
          in,
          rows,
          true,
          false);
    }
  }

  private static String title(String name, int m, int n, int k) {
    return "%s %d x %d x %d".formatted(name, m, n, k);
  }

  /** Gradients of weights (a transposed) are f32 and added to, as in training. */
  static void measure(
      Collector lab,
      String part,
      String preset,
      String subject,
      DType type,
      int m,
      int n,
      int k,
      boolean ta,
      boolean tb) {
    var outType = ta ? DType.F32 : type;
    double bytes =
        (double) type.bytes() * ((double) m * k + (double) k * n)
            + (double) outType.bytes() * m * n;
    lab.operation(
        Lab.Subject.flops(part, preset, subject, type.toString(), 2.0 * m * n * k),
        bytes,
        o -> {
          var a = o.normal(type, (long) m * k);
          var b = o.normal(type, (long) k * n);
          var out = o.zeros(outType, (long) m * n);
          return () -> call(lab, type, a, b, outType, out, m, n, k, ta, tb);
        });
  }

  private static void call(
      Collector lab,
      DType type,
      MemorySegment a,
      MemorySegment b,
      DType outType,
      MemorySegment out,
      long m,
      long n,
      long k,
      boolean ta,
      boolean tb) {
    lab.library()
        .matmul(
            1,
            m,
            n,
            k,
            1,
            a,
            type.code(),
            ta ? 1 : 0,
            ta ? m : k,
            0,
            b,
            type.code(),
            tb ? 1 : 0,
            tb ? k : n,
            0,
            ta ? 1 : 0,
            ta ? out : MemorySegment.NULL,
            n,
            0,
            out,
            outType.code(),
            n,
            0,
            0);
  }

  /** Few rows times a weight [n, k], as in decoding. */
  static void few(
      Collector lab, String preset, String subject, DType type, int rows, int n, int k) {
    double bytes = (double) type.bytes() * ((double) n * k + (double) rows * (n + k));
    lab.operation(
        Lab.Subject.bytes("decode-kernels", preset, subject, type.toString(), bytes),
        bytes,
        o -> {
          var x = o.normal(type, (long) rows * k);
          var w = o.normal(type, (long) n * k);
          var y = o.zeros(type, (long) rows * n);
          return () -> call(lab, type, x, w, type, y, rows, n, k, false, true);
        });
  }
}
