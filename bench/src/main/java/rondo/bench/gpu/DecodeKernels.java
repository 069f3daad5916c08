package rondo.bench.gpu;

import rondo.bench.gpu.Lab.Subject;
import rondo.engine.graph.DType;

/** What one token is made of: few rows by each weight in its three widths, attention by cache. */
final class DecodeKernels {
  private DecodeKernels() {}

  static void measure(Collector lab, Preset p, boolean tiny) {
    int capacity = tiny ? 64 : 4096;
    for (int rows : new int[] {1, 8}) {
      for (var layer : p.layers()) {
        var subject = "%s %d x %d x %d".formatted(layer.name(), rows, layer.out(), layer.in());
        Products.few(lab, p.name(), subject, DType.BF16, rows, layer.out(), layer.in());
        if (tiny) {
          Products.few(lab, p.name(), subject, DType.F32, rows, layer.out(), layer.in());
        }
        for (var weight : new DType[] {DType.I8, DType.E4M3}) {
          for (var type : tiny ? new DType[] {DType.BF16, DType.F32} : new DType[] {DType.BF16}) {
            quantized(lab, p.name(), subject, type, weight, rows, layer);
          }
        }
      }
      for (var type : tiny ? new DType[] {DType.BF16, DType.F32} : new DType[] {DType.BF16}) {
        Attentions.cached(lab, p, rows, capacity, type);
      }
    }
  }

  private static void quantized(
      Collector lab,
      String preset,
      String subject,
      DType type,
      DType weight,
      int rows,
      Preset.Layer layer) {
    int n = layer.out();
    int k = layer.in();
    double bytes = (double) n * k + 4.0 * n + (double) type.bytes() * rows * (n + k);
    lab.operation(
        Subject.bytes("decode-kernels", preset, subject, weight + " by " + type, bytes),
        bytes,
        o -> {
          var q = o.zeros(weight, (long) n * k);
          var scale = o.zeros(DType.F32, n);
          try (var passing = new Operands(lab.library())) {
            var w = passing.normal(DType.F32, (long) n * k);
            lab.library().quantizeRows(w, n, k, q, weight.code(), scale);
          }
          var x = o.normal(type, (long) rows * k);
          var y = o.zeros(type, (long) rows * n);
          return () ->
              lab.library().quantizedLinear(type.code(), x, rows, q, weight.code(), scale, n, k, y);
        });
  }
}
