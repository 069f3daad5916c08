package rondo.bench;

import java.util.ArrayList;
import java.util.List;
import rondo.engine.device.Device;
import rondo.engine.graph.Graph;

/** Products of matrices on a device, next to others given the same memory. */
public final class ProductBench {
  private ProductBench() {}

  /**
   * Measures each product.
   *
   * @param others that work on the same number of threads
   * @throws IllegalStateException when somebody's result differs from the device's
   */
  public static List<Measurement> measure(
      Device device, List<Product> products, List<Blas> others, Rounds rounds) {
    var all = new ArrayList<Measurement>();
    for (var p : products) {
      all.addAll(measure(device, p, others, rounds));
    }
    return all;
  }

  private static List<Measurement> measure(
      Device device, Product p, List<Blas> others, Rounds rounds) {
    try (var bench = new Workbench(device)) {
      var graph = new Graph();
      var a = graph.input("a", p.aType());
      var b = graph.input("b", p.bType());
      var out = p.trace(graph, a, b);
      var ours = bench.bind("product", graph, List.of(a, b), List.of(out));
      var names = new ArrayList<>(List.of(Measurement.RONDO));
      var subjects = new ArrayList<Runnable>(List.of(ours::run));
      ours.run();
      float[] expected = device.floats(bench.buffer(out));
      for (var other : others) {
        var result = bench.allocate(out.type());
        var call =
            other.product(p, bench.buffer(a).memory(), bench.buffer(b).memory(), result.memory());
        call.run();
        check(p, other, expected, device.floats(result));
        names.add(other.name());
        subjects.add(call);
      }
      var timings = Timing.interleaved(rounds, subjects);
      var rows = new ArrayList<Measurement>();
      for (int i = 0; i < names.size(); i++) {
        rows.add(
            new Measurement(
                "products", p.toString(), names.get(i), timings.get(i), p.flops(), Unit.FLOPS));
      }
      return rows;
    }
  }

  private static void check(Product p, Blas other, float[] expected, float[] found) {
    for (int i = 0; i < expected.length; i++) {
      if (!(Math.abs(expected[i] - found[i]) <= 1e-3 * Math.abs(expected[i]))) {
        throw new IllegalStateException(
            p + ": " + other.name() + " gives " + found[i] + ", Rondo " + expected[i]);
      }
    }
  }
}
