package rondo.nn.checkpoint;

import org.jspecify.annotations.Nullable;

/**
 * A depth-recurrent model, {@code RavenForCausalLM}: Huginn, or a retrofitted Llama or OLMo-2.
 *
 * @param prelude number of blocks before the recurrence
 * @param core number of blocks of one recurrence
 * @param coda number of blocks after the recurrence
 * @param meanRecurrence recurrences to train for, and to run where nothing else is asked for
 * @param backpropDepth most recurrences that are differentiated in training
 * @param origin the fixed-depth model it was cut from, or null
 */
public record RecurrentConfig(
    BlockConfig block,
    int prelude,
    int core,
    int coda,
    int vocabulary,
    int maxPositions,
    boolean tied,
    InitValues init,
    int meanRecurrence,
    int backpropDepth,
    TokenIds tokens,
    String dtype,
    @Nullable Origin origin)
    implements ModelConfig {
  public RecurrentConfig {
    Check.count("number of prelude blocks", prelude, Check.MOST_LAYERS);
    Check.count("number of core blocks", core, Check.MOST_LAYERS);
    Check.count("number of coda blocks", coda, Check.MOST_LAYERS);
    Check.count("vocabulary", vocabulary, Check.MOST_VOCABULARY);
    Check.count("number of positions", maxPositions, Check.MOST_POSITIONS);
    Check.count("mean_recurrence", meanRecurrence, 1 << 14);
    Check.count("mean_backprop_depth", backpropDepth, 1 << 14);
    if (origin != null
        && (origin.surgery().prelude().size() != prelude
            || origin.surgery().core().size() != core
            || origin.surgery().coda().size() != coda)) {
      throw new IllegalArgumentException(
          "surgery takes %s, %s and %s, expected %d, %d and %d layers"
              .formatted(
                  origin.surgery().prelude(),
                  origin.surgery().core(),
                  origin.surgery().coda(),
                  prelude,
                  core,
                  coda));
    }
  }

  /**
   * The model that surgery on {@code base} gives: untied head, the base's own positions, norms,
   * special tokens and type, and the published mean recurrence of 32 with 8 differentiated.
   */
  public static RecurrentConfig retrofit(
      BaseConfig base, Surgery surgery, String source, @Nullable String adapter) {
    surgery.within(base.layers());
    int prelude = surgery.prelude().size();
    int core = surgery.core().size();
    int coda = surgery.coda().size();
    return new RecurrentConfig(
        base.block(),
        prelude,
        core,
        coda,
        base.vocabulary(),
        base.maxPositions(),
        false,
        InitValues.retrofit(prelude + core * 32 + coda),
        32,
        8,
        base.tokens(),
        base.dtype(),
        new Origin(source, surgery, adapter));
  }

  /** The same model with another recurrence to train for. */
  public RecurrentConfig withRecurrence(int mean, int backprop) {
    return new RecurrentConfig(
        block,
        prelude,
        core,
        coda,
        vocabulary,
        maxPositions,
        tied,
        init,
        mean,
        backprop,
        tokens,
        dtype,
        origin);
  }

  @Override
  public RecurrentConfig withDtype(String other) {
    return new RecurrentConfig(
        block,
        prelude,
        core,
        coda,
        vocabulary,
        maxPositions,
        tied,
        init,
        meanRecurrence,
        backpropDepth,
        tokens,
        other,
        origin);
  }

  @Override
  public double embedScale() {
    return init.embedScale();
  }

  /** Standard deviation of the initial state before truncation: 0.632 in Huginn, 0.0087 else. */
  public double stateStd() {
    return init.std() * init.embedScale();
  }

  /** Blocks executed at the mean recurrence. */
  public int effectiveDepth() {
    return prelude + core * meanRecurrence + coda;
  }
}
