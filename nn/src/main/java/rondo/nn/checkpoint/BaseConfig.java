package rondo.nn.checkpoint;

/** A model of fixed depth: {@code LlamaForCausalLM} or {@code Olmo2ForCausalLM}. */
public record BaseConfig(
    BlockConfig block,
    int layers,
    int vocabulary,
    int maxPositions,
    boolean tied,
    TokenIds tokens,
    String dtype)
    implements ModelConfig {
  public BaseConfig {
    Check.count("number of layers", layers, Check.MOST_LAYERS);
    Check.count("vocabulary", vocabulary, Check.MOST_VOCABULARY);
    Check.count("number of positions", maxPositions, Check.MOST_POSITIONS);
    if (block.kind() == BlockKind.HUGINN) {
      throw new IllegalArgumentException("a model of fixed depth has Llama or OLMo-2 blocks");
    }
  }

  @Override
  public BaseConfig withDtype(String other) {
    return new BaseConfig(block, layers, vocabulary, maxPositions, tied, tokens, other);
  }

  /** The same with a head of its own. */
  public BaseConfig untied() {
    return new BaseConfig(block, layers, vocabulary, maxPositions, false, tokens, dtype);
  }

  @Override
  public double embedScale() {
    return 1;
  }
}
