package rondo.data.tokenizer;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;
import rondo.data.DataException;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.ObjectMapper;

/** Reads {@code tokenizer.json} and the {@code tokenizer_config.json} beside it. */
final class TokenizerFile {
  private static final List<String> BOS_NAMES =
      List.of("<s>", "<|begin_of_text|>", "<|begin_text|>", "<|startoftext|>", "<|bos|>");
  private static final List<String> EOS_NAMES =
      List.of("</s>", "<|end_of_text|>", "<|end_text|>", "<|endoftext|>", "<|eos|>");

  private final Path file;
  private final Map<String, byte[]> files = new TreeMap<>();
  private final Section root;
  private final Map<String, Integer> vocabulary = new HashMap<>();
  private final List<AddedTokens.Added> added = new ArrayList<>();

  private TokenizerFile(Path file) {
    this.file = file;
    if (!Files.isRegularFile(file)) {
      throw new DataException(file + ": no such file, expected a Hugging Face tokenizer.json");
    }
    for (String name : Tokenizers.FILES) {
      Path path = name.equals(Tokenizers.FILE) ? file : file.resolveSibling(name);
      if (Files.isRegularFile(path)) {
        files.put(name, bytes(path));
      }
    }
    this.root = section("tokenizer", file, Tokenizers.FILE);
  }

  private static byte[] bytes(Path file) {
    try {
      return Files.readAllBytes(file);
    } catch (IOException e) {
      throw new DataException(file + ": cannot be read: " + e.getMessage(), e);
    }
  }

  /** The JSON document of one of the files read, an empty one where it is absent. */
  private Section section(String name, Path path, String key) {
    byte[] json = files.getOrDefault(key, "{}".getBytes(StandardCharsets.UTF_8));
    try {
      return new Section(path, name, new ObjectMapper().readTree(json));
    } catch (JacksonException e) {
      throw new DataException(path + ": not JSON: " + e.getOriginalMessage(), e);
    }
  }

  static BpeTokenizer read(Path file) {
    try {
      return new TokenizerFile(file).build();
    } catch (JacksonException e) { // what no check below foresaw
      throw new DataException(file + ": not a usable tokenizer: " + e.getOriginalMessage(), e);
    }
  }

  private BpeTokenizer build() {
    readAdded();
    PreTokenizer preTokenizer = Components.preTokenizer(root.child("pre_tokenizer"));
    Bpe bpe = readModel(preTokenizer.bytes());
    String beside = Tokenizers.CONFIG;
    Section config = section("tokenizer_config", file.resolveSibling(beside), beside);
    List<Integer> before = new ArrayList<>();
    List<Integer> after = new ArrayList<>();
    readTemplate(root.child("post_processor"), before, after);
    OptionalInt bos = special(config, "bos_token", BOS_NAMES);
    OptionalInt eos = special(config, "eos_token", EOS_NAMES);
    override(config, "add_bos_token", bos, before, 0);
    override(config, "add_eos_token", eos, after, after.size());
    return new BpeTokenizer(
        file,
        Collections.unmodifiableMap(files),
        new BpeTokenizer.Parts(
            List.copyOf(added),
            Components.normalizer(root.child("normalizer")),
            preTokenizer,
            bpe,
            List.copyOf(before),
            List.copyOf(after),
            Components.decoder(root.child("decoder")),
            vocabulary),
        bos,
        eos);
  }

  private void readAdded() {
    if (root.child("added_tokens") == null) {
      return;
    }
    for (Section token : root.children("added_tokens")) {
      boolean special = token.flag("special", false);
      added.add(
          new AddedTokens.Added(
              token.id("id"),
              token.text("content"),
              special,
              token.flag("single_word", false),
              token.flag("lstrip", false),
              token.flag("rstrip", false),
              token.flag("normalized", !special)));
    }
  }

  private Bpe readModel(boolean byteLetters) {
    Section model = root.child("model");
    if (model == null) {
      throw root.wrong("\"model\" is missing");
    }
    // Old files do not name the type of a BPE.
    String type = model.textOrEmpty("type");
    if (!type.equals("BPE") && !(type.isEmpty() && model.node().has("merges"))) {
      throw model.wrong("type \"" + type + "\" is not supported; supported are [BPE]");
    }
    for (String key : List.of("continuing_subword_prefix", "end_of_word_suffix")) {
      if (!model.textOrEmpty(key).isEmpty()) {
        throw model.wrong(key + " \"" + model.text(key) + "\" is not supported, expected none");
      }
    }
    JsonNode words = model.require("vocab");
    if (!words.isObject()) {
      throw model.wrong("\"vocab\" is " + words.getNodeType() + ", expected tokens and their ids");
    }
    for (Map.Entry<String, JsonNode> word : words.properties()) {
      String what = "vocab: the id of \"" + word.getKey() + "\"";
      vocabulary.put(word.getKey(), model.id(what, word.getValue()));
    }
    String unknown = model.textOrEmpty("unk_token");
    if (!unknown.isEmpty() && !vocabulary.containsKey(unknown)) {
      throw model.wrong("unk_token \"" + unknown + "\" is not in the vocabulary");
    }
    Bpe.Options options =
        new Bpe.Options(
            byteLetters,
            model.flag("byte_fallback", false),
            unknown.isEmpty() ? OptionalInt.empty() : OptionalInt.of(idOf(unknown)),
            model.flag("fuse_unk", false),
            model.flag("ignore_merges", false));
    return readMerges(model, options);
  }

  private int idOf(String token) {
    return vocabulary.getOrDefault(token, -1);
  }

  /** The two tokens that a merge joins: a list of two strings, or one string with a space. */
  private static String[] pair(JsonNode merge) {
    if (merge.isString()) {
      return merge.stringValue().split(" ", -1);
    }
    boolean two = merge.size() == 2 && merge.path(0).isString() && merge.path(1).isString();
    return two
        ? new String[] {merge.path(0).stringValue(), merge.path(1).stringValue()}
        : new String[0];
  }

  private Bpe readMerges(Section model, Bpe.Options options) {
    JsonNode merges = model.list("merges");
    PairTable table = new PairTable(merges.size());
    boolean crossing = false;
    int rank = 0;
    for (JsonNode merge : merges) {
      String[] pair = pair(merge);
      if (pair.length != 2
          || pair[0].isEmpty()
          || pair[1].isEmpty()
          || idOf(pair[0]) < 0
          || idOf(pair[1]) < 0) {
        throw model.wrong("merges[" + rank + "] is " + merge + ", expected two known tokens");
      }
      int merged = idOf(pair[0] + pair[1]);
      if (merged < 0) {
        throw model.wrong("merges[" + rank + "], " + merge + ", makes no token of the vocabulary");
      }
      table.put(idOf(pair[0]), idOf(pair[1]), rank++, merged);
      crossing |= Bpe.crossesMark(pair[0], pair[1]);
    }
    return new Bpe(vocabulary, table, crossing, options);
  }

  private static void readTemplate(@Nullable Section s, List<Integer> before, List<Integer> after) {
    if (s == null) {
      return;
    }
    switch (s.type()) {
      case "ByteLevel" -> {} // it only moves offsets
      case "Sequence" -> s.children("processors").forEach(p -> readTemplate(p, before, after));
      case "TemplateProcessing" -> {
        List<Integer> side = before;
        for (JsonNode piece : s.list("single")) {
          JsonNode special = piece.get("SpecialToken");
          if (special == null) {
            side = after;
            continue;
          }
          JsonNode token = s.require("special_tokens").get(special.path("id").asString(""));
          if (token == null) {
            throw s.wrong(special + " is not among its special_tokens");
          }
          for (JsonNode id : token.path("ids")) {
            side.add(s.id("an id of " + special, id));
          }
        }
      }
      default -> throw s.unknownType("Sequence", "ByteLevel", "TemplateProcessing");
    }
  }

  /** The token that the configuration names under {@code key}, else one of a well-known name. */
  private OptionalInt special(Section config, String key, List<String> names) {
    JsonNode value = config.node().get(key);
    if (value == null) {
      return names.stream().mapToInt(this::anyId).filter(id -> id >= 0).findFirst();
    }
    String name = value.isString() ? value.stringValue() : value.path("content").asString("");
    int id = anyId(name);
    if (id < 0 && !name.isEmpty()) {
      throw config.wrong(key + " \"" + name + "\" is not a token of " + file.getFileName());
    }
    return id < 0 ? OptionalInt.empty() : OptionalInt.of(id);
  }

  private int anyId(String name) {
    for (AddedTokens.Added token : added) {
      if (token.content().equals(name)) {
        return token.id();
      }
    }
    return idOf(name);
  }

  /** What {@code tokenizer_config.json} says of BOS and EOS goes before the template. */
  private static void override(
      Section config, String key, OptionalInt token, List<Integer> side, int at) {
    if (token.isEmpty() || !config.node().has(key)) {
      return;
    }
    Integer id = token.getAsInt();
    if (!config.flag(key, false)) {
      side.remove((Object) id);
    } else if (!side.contains(id)) {
      side.add(at, id);
    }
  }
}
