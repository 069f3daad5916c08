package rondo.train;

import java.util.Optional;
import java.util.OptionalInt;
import rondo.data.tokenizer.SpecialIds;
import rondo.data.tokenizer.Tokenizer;
import rondo.nn.checkpoint.ModelConfig;

/** What is known of a model's special tokens: data made with others would train it silently. */
public final class ModelTokens {
  private ModelTokens() {}

  /** As its configuration has them. */
  public static SpecialIds of(ModelConfig config) {
    var bos = config.tokens().bos();
    return new SpecialIds(
        bos == null ? OptionalInt.empty() : OptionalInt.of(bos), config.tokens().eos());
  }

  /**
   * Those of the model that a recipe trains: of its configuration and else of its tokenizer. Random
   * weights know no token, so theirs are the tokenizer's.
   */
  static SpecialIds of(Recipe recipe, ModelConfig config, Optional<Tokenizer> tokenizer) {
    var words = tokenizer.map(SpecialIds::of).orElse(SpecialIds.NONE);
    return recipe.randomInit() ? words : of(config).or(words);
  }

  /** What a run from random weights should know: its checkpoints name tokens that are others. */
  static Optional<String> note(Recipe recipe, ModelConfig config, Optional<Tokenizer> tokenizer) {
    return recipe.randomInit()
        ? tokenizer.flatMap(words ->
            SpecialIds.of(words)
                .differsFrom(of(config))
                .map(other ->
                    "tokenizer %s: %s; checkpoints keep the model's"
                        .formatted(words.name(), other)))
        : Optional.empty();
  }
}
