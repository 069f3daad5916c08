package rondo.engine.plain;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.function.Consumer;
import java.util.stream.Stream;
import rondo.engine.nativelib.Functions;
import rondo.engine.nativelib.Library;

/**
 * What every implementation of {@link Functions} must compute: samples of each operation over
 * regular, odd, one-row and ragged shapes, with and without what may be null, accumulated and in
 * place, against float64 loops written here. Each comes twice: in 64-byte aligned memory and in
 * views one element further on. Memory around every buffer and constant inputs must stay unchanged.
 */
public final class OperationSamples {
  /** All inputs follow from this and the sample's name. Change with {@code -Drondo.seed=...}. */
  static final long SEED = Long.getLong("rondo.seed", 20_260_101L);

  private OperationSamples() {}

  /** Where a sample runs. On a device, {@code allocate} gives its memory. */
  public interface Target {
    Functions functions();

    /** At least 64-byte aligned. */
    MemorySegment allocate(long bytes);

    /** Returns when all work is done. */
    void synchronize();
  }

  /** One call or a few, with what must come out of it. */
  public record Sample(String name, Consumer<Target> body) {
    public void check(Target target) {
      body.accept(target);
    }

    /** Runs in host memory. */
    public void check(Functions functions) {
      try (Arena arena = Arena.ofConfined()) {
        check(
            new Target() {
              @Override
              public Functions functions() {
                return functions;
              }

              @Override
              public MemorySegment allocate(long bytes) {
                return arena.allocate(bytes, 64);
              }

              @Override
              public void synchronize() {
                if (functions instanceof Library library) {
                  library.synchronize();
                }
              }
            });
      }
    }

    @Override
    public String toString() {
      return name;
    }
  }

  /** Every sample of every operation, in the order of {@code rondo.h}. */
  public static Stream<Sample> all() {
    System.out.println("operation samples: -Drondo.seed=" + SEED);
    return Stream.of(
            ElementwiseSamples.all(),
            MatmulSamples.all(),
            EmbeddingSamples.all(),
            NormSamples.all(),
            HeadSamples.all(),
            AttentionSamples.all(),
            LossSamples.all(),
            OptimizerSamples.all())
        .flatMap(family -> family)
        .flatMap(trial ->
            Stream.of(
                new Sample(trial.name(), target -> trial.run(target, 0)),
                new Sample(trial.name() + ", in views", target -> trial.run(target, 1))));
  }

  /** A sample before it is known where its memory lies. */
  record Case(String name, Consumer<Trial> body) {
    void run(Target target, int shift) {
      try (Arena host = Arena.ofConfined()) {
        Trial trial = new Trial(name, SEED, target, host, shift);
        body.accept(trial);
        trial.finish();
      }
    }
  }
}
