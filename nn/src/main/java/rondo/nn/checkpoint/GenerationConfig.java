package rondo.nn.checkpoint;

import java.nio.file.Files;
import java.nio.file.Path;
import tools.jackson.databind.node.ObjectNode;

/**
 * {@code generation_config.json}, in which libraries look for the tokens that end a text before
 * they look into {@code config.json}.
 */
public final class GenerationConfig {
  public static final String FILE = "generation_config.json";

  private static final long LONGEST = 1_000_000;

  private GenerationConfig() {}

  /**
   * Writes the file of a model that comes of the folder {@code from}: what that folder's own file
   * says, with the model's special tokens where it says none or, as published retrofits do, those
   * of Huginn.
   *
   * @param to folder that is there
   * @throws CheckpointException when the file in {@code from} is no JSON object
   */
  public static void write(Path to, Path from, ModelConfig config) {
    Path source = from.resolve(FILE);
    ObjectNode json = JsonFiles.object();
    TokenIds found = TokenIds.NONE;
    if (Files.exists(source)) {
      json = JsonFiles.read(source, LONGEST);
      JsonFields fields = new JsonFields(source, json);
      found =
          new TokenIds(
              fields.integerOrNull("bos_token_id"),
              fields.integers("eos_token_id"),
              fields.integerOrNull("pad_token_id"));
    } else {
      json.put("_from_model_config", true);
    }
    boolean wrong = config.block().kind() != BlockKind.HUGINN && found.areHuginns();
    TokenIds own = config.tokens();
    ConfigWriter.putTokens(
        json,
        wrong
            ? own
            : new TokenIds(
                found.bos() == null ? own.bos() : found.bos(),
                found.eos().isEmpty() ? own.eos() : found.eos(),
                found.pad() == null ? own.pad() : found.pad()));
    JsonFiles.write(to.resolve(FILE), json);
  }
}
