package rondo.data.rows;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.DriverManager;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import rondo.data.DataException;
import rondo.data.DocumentSource;
import rondo.data.PackedRows;
import rondo.data.tokenizer.ByteTokenizer;
import rondo.data.tokenizer.SpecialIds;
import rondo.data.tokenizer.Tokenizer;
import rondo.data.tokenizer.Tokenizers;
import tools.jackson.databind.ObjectMapper;
import tools.jackson.databind.node.ObjectNode;

class ChatTest {
  private static final List<String> MARKERS =
      List.of(
          "<|begin_text|>",
          "<|begin_header|>",
          "<|end_header|>",
          "<|end_turn|>",
          "<|end_text|>",
          "<|begin_of_text|>",
          "<|start_header_id|>",
          "<|end_header_id|>",
          "<|eot_id|>",
          "<|im_start|>",
          "<|im_end|>");

  private static final int FIRST = 258;
  private static final int SIZE = FIRST + MARKERS.size();
  private static final String LINE =
      """
      {"messages": [{"role": "user", "content": " 1+1? "}, {"role": "assistant", "content": "2\\n"}, {"content": "sure", "role": "user", "name": "x"}, {"role": "Huginn", "content": "yes"}]}
      """;

  @TempDir Path folder;
  private @Nullable Tokenizer tokenizer;

  /** Bytes and the markers of all templates. */
  @BeforeEach
  void makeTokenizer() throws IOException {
    var json = new ObjectMapper();
    for (var file : Tokenizers.files(new ByteTokenizer()).entrySet()) {
      var root = (ObjectNode) json.readTree(file.getValue());
      if (file.getKey().equals("tokenizer.json")) {
        for (var marker : MARKERS) {
          var added = root.withArray("added_tokens").addObject();
          added.put("id", FIRST + MARKERS.indexOf(marker)).put("content", marker);
          added.put("single_word", false).put("lstrip", false).put("rstrip", false);
          added.put("normalized", false).put("special", true);
        }
      }
      Files.writeString(folder.resolve(file.getKey()), root.toString());
    }
    tokenizer = Tokenizers.load(folder);
  }

  /** Ids as given, or not to be predicted: a marker is itself, other text its bytes. */
  private static void add(List<Integer> row, boolean predicted, String... pieces) {
    for (var piece : pieces) {
      int marker = MARKERS.indexOf(piece);
      if (marker >= 0) {
        row.add(predicted ? FIRST + marker : ~(FIRST + marker));
      } else {
        for (byte b : piece.getBytes(StandardCharsets.UTF_8)) {
          row.add(predicted ? b & 255 : ~(b & 255));
        }
      }
    }
  }

  private Packing packing(int length, Optional<Chat> chat) {
    return Packing.training(length, SIZE, Optional.ofNullable(tokenizer)).with(chat);
  }

  private RowTable read(Path file, int length, Chat chat) {
    return RowTable.read(DocumentSource.of(file), packing(length, Optional.of(chat)));
  }

  private static List<Integer> list(int[] row) {
    return java.util.Arrays.stream(row).boxed().toList();
  }

  private Path write(String text) throws IOException {
    return Files.writeString(folder.resolve("chat.jsonl"), text);
  }

  @Test
  void huginnsTemplateAndItsTargets() throws IOException {
    var chat = new Chat(ChatTemplate.HUGINN, Optional.of("be good"));
    var table = read(write(LINE), 200, chat);
    var row = new ArrayList<Integer>();
    add(row, false, "<|begin_text|>");
    add(row, false, "<|begin_header|>", "system", "<|end_header|>", "\n\nbe good", "<|end_turn|>");
    add(row, false, "<|begin_header|>", "user", "<|end_header|>", "\n\n1+1?", "<|end_turn|>");
    add(row, false, "<|begin_header|>", "Huginn", "<|end_header|>", "\n\n");
    add(row, true, "2", "<|end_turn|>");
    add(row, false, "<|begin_header|>", "user", "<|end_header|>", "\n\nsure", "<|end_turn|>");
    add(row, false, "<|begin_header|>", "Huginn", "<|end_header|>", "\n\n");
    add(row, true, "yes", "<|end_turn|>");
    add(row, false, "<|end_text|>");
    assertEquals(row, list(table.row(0)));
    assertEquals(2 + 4, table.predicted());

    // As a batch: every id is an input, and only the answers are targets.
    var shape = new BatchShape(1, 200);
    int[] tokens = new int[200];
    int[] targets = new int[200];
    assertEquals(6, shape.put(0, table.row(0), tokens, targets));
    for (int i = 0; i < row.size() - 1; i++) {
      assertEquals(row.get(i) < 0 ? ~row.get(i) : row.get(i), tokens[i]);
      assertEquals(row.get(i + 1) < 0 ? BatchShape.IGNORED : row.get(i + 1), targets[i]);
    }
    for (int i = row.size() - 1; i < 200; i++) {
      assertEquals(BatchShape.IGNORED, targets[i]);
      assertEquals(BatchShape.PADDING, tokens[i]);
    }
  }

  @Test
  void theOtherTemplates() throws IOException {
    var file =
        write(
            """
            {"messages": [{"role": "system", "content": "s"}, {"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]}
            """);
    var llama = new ArrayList<Integer>();
    add(llama, false, "<|begin_of_text|>");
    add(llama, false, "<|start_header_id|>", "system", "<|end_header_id|>", "\n\ns", "<|eot_id|>");
    add(llama, false, "<|start_header_id|>", "user", "<|end_header_id|>", "\n\nq", "<|eot_id|>");
    add(llama, false, "<|start_header_id|>", "assistant", "<|end_header_id|>", "\n\n");
    add(llama, true, "a", "<|eot_id|>");
    var system = Optional.of("not used");
    assertEquals(llama, list(read(file, 99, new Chat(ChatTemplate.LLAMA3, system)).row(0)));
    var ml = new ArrayList<Integer>();
    add(ml, false, "<|im_start|>", "system\ns", "<|im_end|>", "\n");
    add(ml, false, "<|im_start|>", "user\nq", "<|im_end|>", "\n");
    add(ml, false, "<|im_start|>", "assistant\n");
    add(ml, true, "a", "<|im_end|>");
    add(ml, false, "\n");
    assertEquals(ml, list(read(file, 99, new Chat(ChatTemplate.CHATML, system)).row(0)));
  }

  @Test
  void longConversationsAreCutAndOnesWithoutAnAnswerLeftOut() throws IOException {
    var chat = new Chat(ChatTemplate.CHATML, Optional.empty());
    var file =
        write(
            """
            {"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "abcdef"}]}
            {"messages": [{"role": "user", "content": "a long question that fills the row"}, {"role": "assistant", "content": "a"}]}
            {"messages": [{"role": "user", "content": "q"}]}
            {"messages": []}
            """);
    var table = read(file, 23, chat);
    assertEquals(1, table.size());
    assertEquals(24, table.row(0).length);
    assertEquals(1, table.cut());
    assertEquals(3, table.leftOut());
    assertEquals(4, table.predicted(), "abcd of abcdef and the end of its turn");
  }

  @ParameterizedTest
  @EnumSource
  void parquetHoldsTheSameConversations(ChatTemplate template) throws Exception {
    var lines = read(write(LINE), 200, new Chat(template, Optional.empty()));
    var file = folder.resolve("chat.parquet");
    try (var connection = DriverManager.getConnection("jdbc:duckdb:");
        var statement = connection.createStatement()) {
      statement.execute(
          ("COPY (SELECT [{'role': 'user', 'content': ' 1+1? '}, {'role': 'assistant', 'content': '2'},"
                  + " {'role': 'user', 'content': 'sure'}, {'role': 'assistant', 'content': 'yes'}]"
                  + " AS messages, 1 AS id) TO '%s' (FORMAT parquet)")
              .formatted(file));
      statement.execute(
          "COPY (SELECT [{'role': 'user', 'content': NULL::VARCHAR}] AS messages) TO '%s' (FORMAT parquet)"
              .formatted(folder.resolve("null.parquet")));
    }
    var chat = new Chat(template, Optional.empty());
    var parquet = read(file, 200, chat);
    if (template == ChatTemplate.HUGINN) {
      assertArrayEquals(lines.row(0), parquet.row(0));
    } else { // There "Huginn" is a name like any other.
      assertEquals(2 + 4, parquet.predicted());
      assertEquals(2, lines.predicted());
    }
    var error =
        assertThrows(DataException.class, () -> read(folder.resolve("null.parquet"), 9, chat));
    assertTrue(String.valueOf(error.getMessage()).contains("row 1: message 1 has no role"));
  }

  private Pack pack(ChatTemplate template, int length, int threads) {
    return new Pack(
        java.util.Objects.requireNonNull(tokenizer),
        SIZE,
        SpecialIds.NONE,
        length,
        RowRule.WRAPPED,
        /* rowsPerShard */ 7,
        0,
        0,
        0,
        threads,
        Optional.of(new Chat(template, Optional.of("be good"))));
  }

  private static List<List<Integer>> rows(RowReader reader) {
    var rows = new ArrayList<List<Integer>>();
    try (reader) {
      int @Nullable [] row;
      while ((row = reader.next()) != null) {
        rows.add(list(row));
      }
    }
    return rows;
  }

  /** Conversations of several turns, some too long for a row, some without an answer, and text. */
  private Path mixed(long seed) throws IOException {
    var random = new Random(seed);
    var lines = new StringBuilder();
    for (int i = 0; i < 60; i++) {
      if (random.nextInt(4) == 0) {
        lines.append("{\"text\": \"%s\"}\n".formatted("t".repeat(random.nextInt(90))));
        continue;
      }
      var messages = new ArrayList<String>();
      int turns = random.nextInt(5);
      for (int m = 0; m < turns; m++) {
        messages.add(
            "{\"role\": \"%s\", \"content\": \"%s\"}"
                .formatted(m % 2 == 0 ? "user" : "assistant", "é".repeat(random.nextInt(20))));
      }
      lines.append("{\"messages\": [%s]}\n".formatted(String.join(", ", messages)));
    }
    return write(lines.toString());
  }

  @ParameterizedTest
  @EnumSource
  void packedTheyAreTheRowsThatTheyAreWhenReadDirectly(ChatTemplate template) throws IOException {
    long seed = 31;
    int length = 63;
    var source = DocumentSource.of(mixed(seed));
    var direct = packing(length, pack(template, length, 1).chat());
    RowReader reader = direct.open(source);
    var expected = rows(reader);
    assertTrue(expected.size() > 20 && reader.cut() > 0 && reader.leftOut() > 0, "seed " + seed);
    var read = new Packing(length, SIZE, Optional.empty(), Packing.Special.NONE, false);
    for (int threads : new int[] {1, 3}) {
      var out = folder.resolve(template + "-" + threads);
      var end = pack(template, length, threads).into(out, source, now -> {});
      assertEquals(expected, rows(read.open(DocumentSource.of(out))), "seed " + seed);
      assertEquals(expected.size(), end.rows());
      assertEquals(reader.cut(), end.cut());
      assertEquals(reader.leftOut(), end.leftOut());
      // The same by blocks of a shard, and packed again.
      var blocks = PackedRows.find(out, 3).orElseThrow();
      var shuffled = new ArrayList<List<Integer>>();
      try (var cycle = RowCycle.shards(blocks, read, seed, Rank.ONLY)) {
        for (long i = 0; i < blocks.rows(); i++) {
          shuffled.add(list(cycle.next()));
        }
      }
      assertEquals(sorted(expected), sorted(shuffled), "seed " + seed);
      var again = folder.resolve(template + "-again-" + threads);
      pack(template, length, threads).into(again, DocumentSource.of(out), now -> {});
      assertEquals(expected, rows(read.open(DocumentSource.of(again))), "seed " + seed);
    }
  }

  private static List<String> sorted(List<List<Integer>> rows) {
    return rows.stream().map(List::toString).sorted().toList();
  }

  @Test
  void labelsStandInAColumnOfTheirOwn() throws Exception {
    var text = "{\"text\": \"%s\"}\n".formatted("t".repeat(98)); // a row of its own
    var out = folder.resolve("packed");
    var lines = write(text + LINE.replace("Huginn", "assistant"));
    pack(ChatTemplate.CHATML, 99, 1).into(out, DocumentSource.of(lines), now -> {});
    var row =
        read(lines, 99, new Chat(ChatTemplate.CHATML, Optional.of("be good")))
            .row(1); // after the text
    try (var connection = DriverManager.getConnection("jdbc:duckdb:");
        var statement = connection.createStatement();
        var found =
            statement.executeQuery(
                "SELECT input_ids::VARCHAR, labels::VARCHAR FROM '%s'"
                    .formatted(out.resolve("00000.parquet")))) {
      assertTrue(found.next());
      assertEquals(null, found.getString(2), "all of a text is predicted");
      assertTrue(found.next());
      var ids = Arrays.stream(row).map(id -> id < 0 ? ~id : id).boxed().toList();
      var labels = Arrays.stream(row).map(id -> id < 0 ? -100 : id).boxed().toList();
      assertEquals(ids.toString(), found.getString(1));
      assertEquals(labels.toString(), found.getString(2));
      assertFalse(found.next());
    }
    var plain = folder.resolve("plain");
    pack(ChatTemplate.CHATML, 99, 1).into(plain, DocumentSource.of(write(text)), now -> {});
    try (var connection = DriverManager.getConnection("jdbc:duckdb:");
        var statement = connection.createStatement();
        var found = statement.executeQuery("DESCRIBE FROM '%s/*.parquet'".formatted(plain))) {
      assertTrue(found.next());
      assertEquals("input_ids", found.getString(1));
      assertFalse(found.next(), "no labels where all is predicted");
    }
  }

  @Test
  void whatIsWrongIsToldInOneLine() throws IOException {
    var chat = new Chat(ChatTemplate.CHATML, Optional.empty());
    assertSaid(
        "line 1: not a usable line of JSON: message 1 has no role",
        "{\"messages\": [{\"role\": 1}]}",
        chat);
    assertSaid("holds no messages", "{\"messages\": [\"hello\"]}", chat);
    assertSaid("column \"messages\" is no string and no messages", "{\"messages\": 3}", chat);
    assertSaid("not one row", "{\"messages\": []}", chat);
    tokenizer = new ByteTokenizer();
    assertSaid("has no token <|im_start|>", LINE, chat);
    tokenizer = null;
    assertSaid("no tokenizer", LINE, chat);
    var file = write(LINE);
    var error =
        assertThrows(
            DataException.class,
            () -> RowTable.read(DocumentSource.of(file), packing(9, Optional.empty())));
    assertTrue(String.valueOf(error.getMessage()).contains("set data.chat"), error.toString());
  }

  private void assertSaid(String part, String line, Chat chat) throws IOException {
    var file = write(line);
    var error = assertThrows(DataException.class, () -> read(file, 9, chat));
    var said = String.valueOf(error.getMessage());
    assertTrue(said.contains(part), said);
    assertEquals(1, said.lines().count(), said);
  }

  @Test
  void templatesAreNamed() {
    assertEquals(Optional.of(ChatTemplate.HUGINN), ChatTemplate.named("huginn"));
    assertEquals(Optional.empty(), ChatTemplate.named("jinja"));
  }
}
