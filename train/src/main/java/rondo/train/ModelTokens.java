package rondo.train;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import java.util.OptionalInt;
import rondo.data.DataException;
import rondo.data.tokenizer.SpecialIds;
import rondo.data.tokenizer.Tokenizer;
import rondo.data.tokenizer.Tokenizers;
import rondo.nn.checkpoint.ModelConfig;

/** What is known of a model's special tokens: data made with others would train it silently. */
public final class ModelTokens {
  private ModelTokens() {}

  /**
   * As the tokenizer in a model's folder has them or, where none can be read, its configuration:
   * the published retrofits' names Huginn's tokens, whatever their tokenizer.
   */
  public static SpecialIds of(ModelConfig config, Path folder) {
    var own = SpecialIds.NONE;
    try {
      if (Files.exists(folder.resolve("tokenizer.json"))) {
        own = SpecialIds.of(Tokenizers.load(folder));
      }
    } catch (DataException _) {
      // Another one is used instead, and is compared with what is left.
    }
    return own.or(of(config));
  }

  private static SpecialIds of(ModelConfig config) {
    var bos = config.tokens().bos();
    return new SpecialIds(
        bos == null ? OptionalInt.empty() : OptionalInt.of(bos), config.tokens().eos());
  }

  /** Those of the model that a recipe trains; random weights know no token but the tokenizer's. */
  static SpecialIds of(Recipe recipe, ModelConfig config, Optional<Tokenizer> tokenizer) {
    var words = tokenizer.map(SpecialIds::of).orElse(SpecialIds.NONE);
    if (recipe.randomInit()) {
      return words;
    }
    boolean own = recipe.data().tokenizer() == null;
    return own ? words.or(of(config)) : of(config, Session.model(recipe));
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
