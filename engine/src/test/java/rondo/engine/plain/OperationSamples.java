package rondo.engine.plain;

import java.lang.foreign.Arena;
import java.util.function.Consumer;
import java.util.stream.Stream;
import rondo.engine.nativelib.Functions;

/**
 * What every implementation of {@link Functions} must compute: samples of each operation over
 * regular, odd, one-row and ragged shapes, with and without what may be null, accumulated and in
 * place, against float64 loops written here. Those with activations come in f32 and in bf16. Each
 * comes twice: in 64-byte aligned memory and in views one element further on. All memory is the
 * device's own, which need not be the host's. Memory around every buffer and constant inputs must
 * stay unchanged.
 */
public final class OperationSamples {
  /** All inputs follow from this and the sample's name. Change with {@code -Drondo.seed=...}. */
  static final long SEED = Long.getLong("rondo.seed", 20_260_101L);

  private OperationSamples() {}

  /**
   * One call or a few, with what must come out of it.
   *
   * @param bf16 whether its activations are bf16
   */
  public record Sample(String name, boolean bf16, Consumer<Functions> body) {
    public void check(Functions functions) {
      body.accept(functions);
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
            QuantizedSamples.all(),
            EmbeddingSamples.all(),
            NormSamples.all(),
            HeadSamples.all(),
            AttentionSamples.all(),
            LossSamples.all(),
            DistillationSamples.all(),
            OptimizerSamples.all())
        .flatMap(family -> family)
        .flatMap(OperationSamples::samples);
  }

  private static Stream<Sample> samples(Case c) {
    return c.typed
        ? Stream.of(Trial.F32, Trial.BF16).flatMap(type -> samples(c, type))
        : samples(c, Trial.F32);
  }

  private static Stream<Sample> samples(Case c, int type) {
    boolean bf16 = type == Trial.BF16;
    var name = c.name + (bf16 ? ", bf16" : "");
    return Stream.of(
        new Sample(name, bf16, functions -> c.run(functions, type, 0)),
        new Sample(name + ", in views", bf16, functions -> c.run(functions, type, 1)));
  }

  /**
   * A sample before it is known where its memory lies.
   *
   * @param typed whether it is about activations, of one type or the other
   */
  record Case(String name, boolean typed, Consumer<Trial> body) {
    /** In f32, or in types of its own. */
    Case(String name, Consumer<Trial> body) {
      this(name, false, body);
    }

    /** In f32 and in bf16. */
    static Case typed(String name, Consumer<Trial> body) {
      return new Case(name, true, body);
    }

    void run(Functions functions, int type, int shift) {
      try (Arena arena = Arena.ofConfined()) {
        Trial trial = new Trial(name, SEED, functions, arena, type, shift);
        body.accept(trial);
        trial.finish();
      }
    }
  }
}
