package rondo.bench.gpu;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;
import java.util.function.ToDoubleFunction;
import org.jspecify.annotations.Nullable;
import rondo.engine.device.Device;
import rondo.engine.nativelib.Library;
import rondo.engine.nativelib.NativeException;

/**
 * Times calls by the device's own clock and collects figures. Repetitions of a small operation walk
 * over copies of its operands, so that no cache holds them, and are one recorded graph where the
 * device records, so that launches cost next to nothing. What a device refuses is a line of its
 * own, never the end.
 */
final class Lab implements Collector {
  /** Bytes over which repetitions walk: five times an H100's second-level cache. */
  private static final long SPREAD = 256L << 20;

  private static final int MOST_COPIES = 16;
  private static final int MOST_TURNS = 64;
  private static final int WARM_UP = 3;

  /** How figures come about, for the report. */
  static final String METHOD =
      "Each figure is the median of its rounds; a round is timed by the device's events around as"
          + " many repetitions as fill about the seconds asked for, recorded as one graph where"
          + " \"recorded\" says so; before, it runs three times. Repetitions of single operations"
          + " walk over copies of their operands of 256 MiB together (at most 16; toy shapes have"
          + " one). Bytes and FLOPs"
          + " are by formula: what must be read and written once, two FLOPs a multiply-add, the"
          + " causal half of attention. Whole steps are timed by the host's clock from one"
          + " synchronisation to the next, and replay the engine's own recordings.";

  private final Library library;
  private final boolean records;
  private final long spread;
  private final int rounds;
  private final double seconds;
  private final long end;
  private final String contender;
  private final List<Figure> figures = new ArrayList<>();
  private final List<Figure.Skipped> skipped = new ArrayList<>();

  /**
   * A laboratory.
   *
   * @param records whether launches are worth recording
   * @param spread whether repetitions walk over copies of their operands
   * @param seconds of each round, about
   * @param limit seconds after which nothing new is begun
   * @param contender whose figures these are
   */
  Lab(
      Library library,
      boolean records,
      boolean spread,
      int rounds,
      double seconds,
      double limit,
      String contender) {
    this.library = library;
    this.records = records;
    this.spread = spread ? SPREAD : 0;
    this.rounds = rounds;
    this.seconds = seconds;
    this.end = System.nanoTime() + (long) (limit * 1e9);
    this.contender = contender;
  }

  @Override
  public Library library() {
    return library;
  }

  List<Figure> figures() {
    return figures;
  }

  List<Figure.Skipped> skipped() {
    return skipped;
  }

  /** What is measured, before it is. */
  record Subject(
      String part, String preset, String name, String type, double work, Figure.Work unit) {
    static Subject bytes(String part, String preset, String name, String type, double bytes) {
      return new Subject(part, preset, name, type, bytes, Figure.Work.BYTES);
    }

    static Subject flops(String part, String preset, String name, String type, double flops) {
      return new Subject(part, preset, name, type, flops, Figure.Work.FLOPS);
    }
  }

  /** Times it, made as often as it takes to outgrow the caches: {@code bytes} for each. */
  @Override
  public void operation(Subject what, double bytes, Function<Operands, Runnable> make) {
    if (late(what)) {
      return;
    }
    try (var operands = new Operands(library)) {
      long copies = Math.clamp((long) Math.ceil(spread / bytes), 1, MOST_COPIES);
      var calls = new ArrayList<Runnable>();
      for (int i = 0; i < copies; i++) {
        calls.add(make.apply(operands));
      }
      add(what, calls, true, null, this::timed);
    } catch (RuntimeException e) {
      skip(what, e);
    }
  }

  /**
   * Something whole on another device, which records what it likes, by the host's clock from one
   * synchronisation to the next.
   *
   * @param floor as {@link Figure#floor}
   */
  void whole(Subject what, @Nullable Double floor, Device device, Runnable run) {
    if (late(what)) {
      return;
    }
    ToDoubleFunction<Runnable> clock =
        all -> {
          device.synchronize();
          long start = System.nanoTime();
          all.run();
          device.synchronize();
          return (System.nanoTime() - start) / 1e9;
        };
    try {
      add(what, List.of(run), false, floor, clock);
    } catch (RuntimeException e) {
      skip(what, e);
    }
  }

  /** Seconds that so much work takes at the rate of a limit measured before; null without it. */
  @Nullable Double atRateOf(String subject, double work) {
    return figures.stream()
        .filter(f -> f.part().equals("limits") && f.subject().startsWith(subject))
        .map(f -> work / f.rate())
        .findFirst()
        .orElse(null);
  }

  /** Whether the time is over, which then is why this is left out. */
  boolean late(Subject what) {
    if (System.nanoTime() < end) {
      return false;
    }
    note(what, "out of time");
    return true;
  }

  /** What could not be had, with its reason. */
  void skip(Subject what, RuntimeException e) {
    note(what, String.valueOf(e.getMessage()).lines().findFirst().orElse(e.toString()));
    try {
      library.synchronize();
    } catch (RuntimeException later) {
      // The device's next words belong to the same failure.
      note(what, "then: " + later.getMessage());
    }
  }

  private void note(Subject s, String reason) {
    skipped.add(new Figure.Skipped(s.part, s.preset, s.name, s.type, contender, reason));
    System.out.printf("%s %s %s %s: not measured: %s%n", s.part, s.preset, s.name, s.type, reason);
  }

  private void add(
      Subject what,
      List<Runnable> calls,
      boolean record,
      @Nullable Double floor,
      ToDoubleFunction<Runnable> clock) {
    for (int i = 0; i < WARM_UP; i++) {
      calls.forEach(Runnable::run);
    }
    library.synchronize();
    double once = Math.max(clock.applyAsDouble(() -> calls.forEach(Runnable::run)), 1e-7);
    int turns = Math.clamp(Math.round(seconds / once), 1, MOST_TURNS);
    Runnable all =
        () -> {
          for (int i = 0; i < turns; i++) {
            calls.forEach(Runnable::run);
          }
        };
    var graph = record && records ? recorded(all) : null;
    Runnable run = graph == null ? all : () -> library.replay(graph);
    run.run();
    library.synchronize();
    int repetitions = turns * calls.size();
    var measured = new ArrayList<Double>();
    for (int i = 0; i < rounds; i++) {
      measured.add(clock.applyAsDouble(run) / repetitions);
    }
    double median = median(measured);
    var f =
        new Figure(
            what.part,
            what.preset,
            what.name,
            what.type,
            contender,
            median,
            measured,
            repetitions,
            graph != null,
            what.work,
            what.unit,
            floor);
    figures.add(f);
    System.out.printf(
        "%s %s %s %s: %.1f us, %.4g %s/s%n",
        f.part(), f.preset(), f.subject(), f.type(), median * 1e6, f.rate(), f.unit());
  }

  private double timed(Runnable run) {
    library.timerBegin();
    run.run();
    return library.timerEnd();
  }

  private @Nullable MemorySegment recorded(Runnable all) {
    try {
      return library.record(all);
    } catch (NativeException e) {
      return null; // launched one by one then, and so said
    }
  }

  private static double median(List<Double> values) {
    var sorted = values.stream().sorted().toList();
    int n = sorted.size();
    return n % 2 == 1 ? sorted.get(n / 2) : (sorted.get(n / 2 - 1) + sorted.get(n / 2)) / 2;
  }
}
