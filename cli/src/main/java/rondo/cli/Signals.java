package rondo.cli;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Consumer;
import sun.misc.Signal;
import sun.misc.SignalHandler;

/**
 * The signals by which a person, a shell or a scheduler asks work to end: the first one is passed
 * on, a second one ends the program at once. Java's own way, a hook at exit, knows no SIGUSR1,
 * which Slurm sends before its limit ({@code sbatch --signal=USR1@300}), and lets nobody choose the
 * exit code.
 */
final class Signals implements AutoCloseable {
  private static final List<String> NAMES = List.of("TERM", "INT", "HUP", "USR1");

  /** What a shell adds to the number of the signal that ended a program. */
  private static final int ENDED_BY = 128;

  private final Map<Signal, SignalHandler> before = new HashMap<>();
  private final AtomicBoolean asked = new AtomicBoolean();

  /**
   * Listens until it is closed.
   *
   * @param first gets the name of the first signal, such as SIGTERM, on a thread of its own
   */
  Signals(Consumer<String> first) {
    for (var name : NAMES) {
      try {
        var signal = new Signal(name);
        before.put(
            signal,
            Signal.handle(
                signal,
                got -> {
                  if (asked.getAndSet(true)) {
                    Runtime.getRuntime().halt(ENDED_BY + got.getNumber());
                  }
                  first.accept("SIG" + got.getName());
                }));
      } catch (IllegalArgumentException e) {
        // Not a signal of this system, or the JVM was told to leave it alone (-Xrs).
      }
    }
  }

  @Override
  public void close() {
    before.forEach(Signal::handle);
  }
}
