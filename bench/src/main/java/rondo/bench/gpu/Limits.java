package rondo.bench.gpu;

import rondo.engine.graph.DType;

/** What everything else is a fraction of: a copy within the device, and a large product. */
final class Limits {
  private Limits() {}

  static void measure(Lab lab, boolean tiny) {
    long bytes = tiny ? 1L << 20 : 1L << 30;
    var name = tiny ? "copy 1 MiB" : "copy 1 GiB";
    lab.operation(
        Lab.Subject.bytes("limits", "", name, "bytes", 2.0 * bytes),
        2.0 * bytes,
        o -> {
          var from = o.normal(DType.F32, bytes / 4);
          var to = o.zeros(DType.F32, bytes / 4);
          return () -> lab.library().copy(from, to, bytes);
        });
    int n = tiny ? 64 : 8192;
    Products.measure(
        lab,
        "limits",
        "",
        "product %d x %d x %d".formatted(n, n, n),
        DType.BF16,
        n,
        n,
        n,
        false,
        false);
  }
}
