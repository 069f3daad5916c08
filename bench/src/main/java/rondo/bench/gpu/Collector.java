package rondo.bench.gpu;

import java.util.function.Function;
import rondo.engine.nativelib.Library;

/** Takes single operations one by one, to time each at once or to keep them by name. */
interface Collector {
  /** What the operations call. */
  Library library();

  /**
   * One operation.
   *
   * @param bytes that it touches
   * @param make allocates its operands and gives the call
   */
  void operation(Lab.Subject what, double bytes, Function<Operands, Runnable> make);
}
