package rondo.data.tokenizer;

import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import rondo.data.DataException;
import tools.jackson.databind.ObjectMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/** Loads tokenizers from model folders, and spells them as the files of one. */
public final class Tokenizers {
  static final String FILE = "tokenizer.json";
  static final String CONFIG = "tokenizer_config.json";

  /** The files of a model folder that go with its weights wherever those go, as far as there. */
  public static final List<String> FILES =
      List.of(
          FILE,
          CONFIG,
          "tokenizer.model",
          "special_tokens_map.json",
          "added_tokens.json",
          "vocab.json",
          "merges.txt",
          "chat_template.jinja",
          "generation_config.json");

  private Tokenizers() {}

  /**
   * Reads {@code tokenizer.json} in a folder (or at a path) and, where it is there, the {@code
   * tokenizer_config.json} beside it, which names BOS and EOS and may say {@code add_bos_token}.
   *
   * @throws DataException if there is none, or it has a component that is not supported
   */
  public static Tokenizer load(Path folderOrFile) {
    return TokenizerFile.read(
        Files.isDirectory(folderOrFile) ? folderOrFile.resolve(FILE) : folderOrFile);
  }

  /**
   * The files of {@code tokenizer} by name: in a folder, {@link #load} reads the same from them. Of
   * a loaded one they are what was read, whatever has become of its folder since.
   *
   * @return contents that the caller must not write into
   */
  public static Map<String, byte[]> files(Tokenizer tokenizer) {
    return switch (tokenizer) {
      case BpeTokenizer bpe -> bpe.files();
      case ByteTokenizer _ -> {
        ObjectNode config = new ObjectMapper().createObjectNode();
        config.put("tokenizer_class", "PreTrainedTokenizerFast");
        config.put("bos_token", ByteTokenizer.BOS_TEXT);
        config.put("eos_token", ByteTokenizer.EOS_TEXT);
        config.put("clean_up_tokenization_spaces", false);
        yield Map.of(FILE, utf8(bytesAsBpe()), CONFIG, utf8(config));
      }
    };
  }

  private static byte[] utf8(ObjectNode json) {
    return (json.toPrettyString() + "\n").getBytes(StandardCharsets.UTF_8);
  }

  private static ObjectNode bytesAsBpe() {
    ObjectNode root = new ObjectMapper().createObjectNode();
    root.put("version", "1.0").putNull("truncation").putNull("padding");
    ArrayNode added = root.putArray("added_tokens");
    added(added.addObject(), ByteTokenizer.BOS, ByteTokenizer.BOS_TEXT);
    added(added.addObject(), ByteTokenizer.EOS, ByteTokenizer.EOS_TEXT);
    root.putNull("normalizer");
    byteLevel(root.putObject("pre_tokenizer"));
    ObjectNode template = root.putObject("post_processor").put("type", "TemplateProcessing");
    ArrayNode single = template.putArray("single");
    ArrayNode pair = template.putArray("pair");
    sequence(single, "A", 0);
    sequence(pair, "A", 0);
    sequence(pair, "B", 1);
    ObjectNode bos = template.putObject("special_tokens").putObject(ByteTokenizer.BOS_TEXT);
    bos.put("id", ByteTokenizer.BOS_TEXT).putArray("ids").add(ByteTokenizer.BOS);
    bos.putArray("tokens").add(ByteTokenizer.BOS_TEXT);
    byteLevel(root.putObject("decoder"));
    ObjectNode model = root.putObject("model").put("type", "BPE");
    model.putNull("dropout").putNull("unk_token");
    model.put("fuse_unk", false).put("byte_fallback", false).put("ignore_merges", false);
    ObjectNode vocabulary = model.putObject("vocab");
    for (int b = 0; b < 256; b++) {
      vocabulary.put(String.valueOf(ByteLetters.letter(b)), b);
    }
    model.putArray("merges");
    return root;
  }

  private static void sequence(ArrayNode pieces, String id, int type) {
    pieces
        .addObject()
        .putObject("SpecialToken")
        .put("id", ByteTokenizer.BOS_TEXT)
        .put("type_id", type);
    pieces.addObject().putObject("Sequence").put("id", id).put("type_id", type);
  }

  private static void added(ObjectNode token, int id, String content) {
    token.put("id", id).put("content", content);
    token.put("single_word", false).put("lstrip", false).put("rstrip", false);
    token.put("normalized", false).put("special", true);
  }

  private static void byteLevel(ObjectNode node) {
    node.put("type", "ByteLevel").put("add_prefix_space", false);
    node.put("trim_offsets", true).put("use_regex", false);
  }
}
