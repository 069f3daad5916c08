package rondo.bench.gpu;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.Function;
import rondo.engine.graph.DType;
import rondo.engine.nativelib.Library;

/** The single operations that {@link Main} times, by name and without their shapes. */
public final class Operations {
  private Operations() {}

  /**
   * What makes each operation at the shapes of a preset; the first of several shapes, and of
   * several numbers of rows.
   *
   * @param preset one of {@link Main}'s
   * @param tiny toy shapes and toy presets
   * @param batch rows of a training step; of decoding there is one
   * @throws IllegalArgumentException when there is no such preset
   */
  public static Map<String, Function<Operands, Runnable>> named(
      Library library, String preset, boolean tiny, int batch, DType type) {
    var all = new LinkedHashMap<String, Function<Operands, Runnable>>();
    var collector =
        new Collector() {
          @Override
          public Library library() {
            return library;
          }

          @Override
          public void operation(Lab.Subject what, double bytes, Function<Operands, Runnable> make) {
            all.putIfAbsent(name(what), make);
          }
        };
    var p = Preset.named(preset, tiny).getFirst();
    Products.measure(collector, p, batch * p.time(), type);
    Attentions.measure(collector, p, batch, p.time(), type);
    Losses.measure(collector, p, batch * p.time(), type);
    Rows.measure(collector, p, batch, p.time(), type);
    DecodeKernels.measure(collector, p, tiny);
    Updates.measure(collector, tiny);
    Updates.newtonSchulz(collector, p);
    return all;
  }

  /** Without shapes and commas, with the width of a weight that has its own. */
  private static String name(Lab.Subject what) {
    var bare =
        what.name().replaceAll(", (vocabulary|chunks of) ", " ").replaceAll(",? \\b\\d[^,]*", "");
    int by = what.type().indexOf(" by ");
    var weight = by < 0 ? "" : " " + what.type().substring(0, by);
    var when = what.part().equals("decode-kernels") ? " of one row" : "";
    return bare.replace(",", "") + weight + when;
  }
}
