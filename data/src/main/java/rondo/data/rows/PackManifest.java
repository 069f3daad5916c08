package rondo.data.rows;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import tools.jackson.databind.ObjectMapper;
import tools.jackson.databind.node.ObjectNode;

/** What a packed folder says about itself. */
final class PackManifest {
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
}
