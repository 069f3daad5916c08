package rondo.data.rows;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.OptionalInt;
import org.jspecify.annotations.Nullable;
import rondo.data.DataException;
import rondo.data.tokenizer.SpecialIds;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.ObjectMapper;
import tools.jackson.databind.node.ObjectNode;

/** What a packed folder says about itself. */
public final class PackManifest {
  private PackManifest() {}

  static void write(Path file, Pack pack, String source, Pack.Progress end) throws IOException {
    ObjectMapper json = new ObjectMapper();
    ObjectNode root = json.createObjectNode();
    root.put("source", source);
    root.put("tokenizer", pack.tokenizer().name());
    root.put("vocabulary", pack.tokenizer().vocabularySize());
    pack.tokenizer().bos().ifPresent(id -> root.put("bos", id));
    pack.tokenizer().eos().ifPresent(id -> root.put("eos", id));
    root.put("sequence_length", pack.sequenceLength());
    root.put("rule", pack.rule().name().toLowerCase(Locale.ROOT));
    pack.chat()
        .ifPresent(
            chat -> root.put("chat_template", chat.template().name().toLowerCase(Locale.ROOT)));
    pack.chat().flatMap(Chat::system).ifPresent(system -> root.put("chat_system", system));
    root.put("rows_per_shard", pack.rowsPerShard());
    root.put("validation_fraction", pack.validationFraction());
    root.put("shuffled_documents", pack.shuffled());
    root.put("seed", pack.seed());
    root.put("documents", end.documents());
    root.put("tokens", end.tokens());
    root.put("rows", end.rows());
    root.put("validation_rows", end.validationRows());
    root.put("discarded", end.discarded());
    if (pack.chat().isPresent()) {
      root.put("conversations_cut", end.cut());
      root.put("conversations_left_out", end.leftOut());
    }
    root.put("shards", end.shards());
    Files.write(file, json.writerWithDefaultPrettyPrinter().writeValueAsBytes(root));
  }

  /**
   * Refuses packed rows that were made with another tokenizer than a model's, as far as the folder
   * of the rows, or of what they were held out of, says so.
   *
   * @param data a folder of rows or a file in one
   * @param model what is known of the model's special tokens
   * @throws DataException if the ids differ, or what is said cannot be read
   */
  public static void check(Path data, SpecialIds model) {
    Path folder = Files.isDirectory(data) ? data : data.toAbsolutePath().getParent();
    Path file = folder == null ? null : find(folder);
    if (file == null) {
      return;
    }
    JsonNode said = read(file);
    OptionalInt bos = id(said, "bos");
    OptionalInt eos = id(said, "eos");
    new SpecialIds(bos, eos.stream().boxed().toList())
        .differsFrom(model)
        .ifPresent(other -> {
          throw new DataException(
              "%s: packed with tokenizer %s, which has %s: pack the data again with the model's tokenizer"
                  .formatted(file, said.path("tokenizer").asString(""), other));
        });
  }

  private static @Nullable Path find(Path folder) {
    Path own = folder.resolve(Pack.MANIFEST);
    if (Files.isRegularFile(own)) {
      return own;
    }
    Path name = folder.getFileName();
    Path above = folder.toAbsolutePath().resolveSibling(Pack.MANIFEST);
    boolean heldOut = name != null && name.toString().equals(Pack.VALIDATION);
    return heldOut && Files.isRegularFile(above) ? above : null;
  }

  private static JsonNode read(Path file) {
    try {
      return new ObjectMapper().readTree(Files.readAllBytes(file));
    } catch (IOException | JacksonException e) {
      throw new DataException(
          file + ": cannot be read: expected what rondo pack wrote, pack the data again", e);
    }
  }

  private static OptionalInt id(JsonNode said, String key) {
    return said.path(key).isInt() ? OptionalInt.of(said.path(key).asInt()) : OptionalInt.empty();
  }
}
