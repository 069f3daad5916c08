package rondo.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static rondo.cli.Called.rondo;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import rondo.data.tokenizer.ByteTokenizer;
import rondo.train.TokenizerFiles;
import tools.jackson.databind.ObjectMapper;
import tools.jackson.databind.node.ObjectNode;

class PackTest {
  @TempDir Path folder;
  private Path words = Path.of("");
  private Path data = Path.of("");

  @BeforeEach
  void writeText() throws IOException {
    words = Files.createDirectory(folder.resolve("words"));
    TokenizerFiles.write(new ByteTokenizer(), words);
    var lines = new StringBuilder();
    for (int i = 0; i < 40; i++) {
      lines.append("{\"body\": \"document %d, %s\"}\n".formatted(i, "x".repeat(i)));
    }
    data = Files.writeString(folder.resolve("text.jsonl"), lines);
  }

  private Called pack(Object... more) {
    var all =
        new ArrayList<Object>(
            List.of("pack", "--data", data, "--text", "body", "--tokenizer", words));
    all.addAll(Arrays.asList(more));
    if (!all.contains("--sequence-length")) {
      all.addAll(List.of("--sequence-length", 16));
    }
    return rondo(all.toArray());
  }

  @Test
  void textIsPackedAndARunIsTrainedOnIt() throws IOException {
    var out = folder.resolve("packed");
    var json = pack("--out", out, "--validation-fraction", 0.2, "--json").json();
    assertEquals(40, json.path("documents").asInt());
    int rows = json.path("rows").asInt();
    int held = json.path("validation_rows").asInt();
    assertEquals(json.path("tokens").asInt(), 17 * (rows + held) + json.path("discarded").asInt());
    assertTrue(held > 0 && rows > held, json.toString());
    assertTrue(Files.exists(out.resolve("pack.json")));
    // The bytes' vocabulary is larger than that of the tiny models.
    var recipe =
        Files.writeString(
            folder.resolve("recipe.yaml"),
            """
            model: %s
            init: random
            out: %s
            data: {train: [{path: %s}], validation: {path: %s}, sequence_length: 16}
            batch: {sequences: 2}
            steps: 1
            depth: {mean: 2, backprop: 1}
            """
                .formatted(model(), folder.resolve("run"), out, out.resolve("validation")));
    assertEquals(
        1, rondo("train", recipe, "--device", "plain", "--json").json().path("step").asInt());
  }

  private Path model() throws IOException {
    var model = TinyModels.recurrent(folder.resolve("model"));
    var config = model.resolve("config.json");
    Files.writeString(
        config,
        Files.readString(config)
            .replaceAll("\"vocab_size\"\\s*:\\s*\\d+", "\"vocab_size\": 258")
            .replaceAll("\"padded_vocab_size\"\\s*:\\s*\\d+", "\"padded_vocab_size\": 258"));
    return model;
  }

  @Test
  void aRunIsTrainedOnConversations() throws IOException {
    var json = new ObjectMapper();
    var file = words.resolve("tokenizer.json");
    var root = (ObjectNode) json.readTree(Files.readString(file));
    for (var marker : List.of("<|im_start|>", "<|im_end|>")) {
      var added = root.withArray("added_tokens").addObject();
      added.put("id", marker.contains("start") ? 1 : 2).put("content", marker);
      added.put("special", true).put("normalized", false);
    }
    Files.writeString(file, root.toString());
    var turns =
        """
        {"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "%s"}]}
        """;
    var chats =
        Files.writeString(
            folder.resolve("chat.jsonl"), turns.formatted("yes") + turns.formatted("no".repeat(9)));
    var recipe =
        Files.writeString(
            folder.resolve("recipe.yaml"),
            """
            model: %s
            init: random
            out: %s
            data:
              train: [{path: %s}]
              validation: {path: %s, every: 1}
              sequence_length: 30
              tokenizer: %s
              chat: {template: chatml}
            batch: {sequences: 2}
            steps: 3
            depth: {mean: 2, backprop: 1}
            """
                .formatted(model(), folder.resolve("run"), chats, chats, words));
    var run = rondo("train", recipe, "--device", "plain", "--json");
    // "yes", "nonononono" as far as the row goes after its 20 ids, and the end of the first turn;
    // three times.
    assertEquals(3 * (4 + 11), run.json().path("tokens").asInt());
    assertTrue(run.err().contains("of 2 conversations 1 were cut at 31 tokens"), run.err());
    var packed = folder.resolve("packed");
    var end =
        rondo(
                "pack",
                "--data",
                chats,
                "--tokenizer",
                words,
                "--chat",
                "chatml",
                "--out",
                packed,
                "--sequence-length",
                30,
                "--json")
            .json();
    assertEquals(2, end.path("rows").asInt());
    assertEquals(1, end.path("conversations_cut").asInt());
    assertEquals(0, end.path("conversations_left_out").asInt());
    assertTrue(Files.readString(packed.resolve("pack.json")).contains("\"chatml\""));
    // Without data.chat and tokenizer: the rows are all there is, and so the losses are the same.
    var again =
        rondo(
            "train",
            recipe,
            "--device",
            "plain",
            "data.chat=",
            "data.train=[{path: %s}]".formatted(packed),
            "data.validation.path=" + packed,
            "out=" + folder.resolve("again"),
            "--json");
    assertEquals(run.json().path("tokens").asInt(), again.json().path("tokens").asInt());
    var losses = losses(folder.resolve("run"));
    assertEquals(3, losses.size());
    assertTrue(losses.getLast().matches("\\d+\\.\\d+ \\d+\\.\\d+ \\{.*"), losses.getLast());
    assertEquals(losses, losses(folder.resolve("again")));
    var none = rondo("train", recipe, "data.chat=", "out=" + folder.resolve("other")).wrong();
    assertTrue(none.contains("line 1: a conversation, but no template: set data.chat"), none);
    var jinja = rondo("train", recipe, "data.chat.template=jinja").wrong();
    assertTrue(jinja.contains("expected huginn or llama3 or chatml"), jinja);
  }

  /** What the steps of a run measured, without what depends on the clock. */
  private static List<String> losses(Path run) throws IOException {
    var found = new ArrayList<String>();
    for (var line : Files.readAllLines(run.resolve("metrics.jsonl"))) {
      var step = new ObjectMapper().readTree(line);
      found.add(step.path("loss") + " " + step.path("grad_norm") + " " + step.path("validation"));
    }
    return found;
  }

  @Test
  void bothRulesAreThere() {
    var wrapped = pack("--out", folder.resolve("w"), "--json").json();
    var document = pack("--out", folder.resolve("d"), "--rule", "document", "--json").json();
    assertTrue(wrapped.path("discarded").asInt() < 17, wrapped.toString());
    assertTrue(document.path("rows").asInt() < wrapped.path("rows").asInt());
    assertEquals(wrapped.path("tokens").asInt(), document.path("tokens").asInt());
  }

  @Test
  void wrongCalls() throws IOException {
    var out = folder.resolve("out");
    assertSays("expected wrapped or document", pack("--out", out, "--rule", "random"));
    assertSays("--validation-fraction 1.0", pack("--out", out, "--validation-fraction", 1));
    assertSays(
        "--chat jinja: expected huginn, llama3 or chatml", pack("--out", out, "--chat", "jinja"));
    assertSays("--system: expected --chat", pack("--out", out, "--system", "be good"));
    assertSays("--rows-per-shard 0", pack("--out", out, "--rows-per-shard", 0));
    assertSays("--sequence-length 0", pack("--out", out, "--sequence-length", 0));
    assertSays("is not empty", pack("--out", folder));
    assertSays("--tokenizer is missing", rondo("pack", "--data", data, "--out", out));
    assertSays(
        "no such file",
        rondo("pack", "--data", folder.resolve("x"), "--tokenizer", words, "--out", out));
    assertSays(
        "none of the columns input_ids, text, messages",
        rondo("pack", "--data", data, "--tokenizer", words, "--out", out));
    assertSays("not one row", pack("--out", out, "--sequence-length", 100_000));
    var tiny = TinyModels.recurrent(folder.resolve("tiny"));
    assertSays("more than the model's vocabulary", pack("--model", tiny, "--out", out));
    assertFalse(Files.exists(out));
  }

  private static void assertSays(String expected, Called called) {
    var line = called.wrong();
    assertTrue(line.contains(expected), line);
  }
}
