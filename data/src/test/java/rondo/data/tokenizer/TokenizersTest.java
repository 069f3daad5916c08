package rondo.data.tokenizer;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Objects;
import java.util.OptionalInt;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import rondo.data.DataException;

class TokenizersTest {
  @TempDir Path folder;
  private Path byteLevel = Path.of("");
  private Path sentencePiece = Path.of("");

  @BeforeEach
  void copyTheTinyTokenizers() throws Exception {
    byteLevel = copy("byte-level");
    sentencePiece = copy("sentencepiece");
  }

  private Path copy(String name) throws Exception {
    Path to = Files.createDirectories(folder.resolve(name));
    for (String file : new String[] {"tokenizer.json", "tokenizer_config.json"}) {
      try (InputStream in = TokenizersTest.class.getResourceAsStream(name + "/" + file)) {
        Files.copy(Objects.requireNonNull(in), to.resolve(file));
      }
    }
    return to;
  }

  @Test
  void aByteLevelTokenizerMergesInsideWordsAndTakesWholeWordsFirst() {
    Tokenizer tokenizer = Tokenizers.load(byteLevel);
    assertArrayEquals(new int[] {259}, tokenizer.encode("hello"));
    assertArrayEquals(new int[] {259, 261, 'r', 'l', 'd'}, tokenizer.encode("hello world"));
    assertArrayEquals(new int[] {264}, tokenizer.encode("world"));
    // Three digits a word, so 12 merges and 3|4 stays apart.
    assertArrayEquals(new int[] {262, '3', '4'}, tokenizer.encode("1234"));
    assertEquals(268, tokenizer.vocabularySize());
    assertEquals(OptionalInt.of(265), tokenizer.bos());
    assertEquals(OptionalInt.of(266), tokenizer.eos());
  }

  @Test
  void theTemplateAddsItsTokensOnlyWhenAsked() {
    Tokenizer tokenizer = Tokenizers.load(byteLevel);
    assertArrayEquals(new int[] {265, 259}, tokenizer.encode("hello", true));
    assertArrayEquals(new int[] {265}, tokenizer.encode("", true));
    assertArrayEquals(new int[] {}, tokenizer.encode("", false));
  }

  @Test
  void addedTokensAreCutOutOfTextAndTakeTheirSpaces() {
    Tokenizer tokenizer = Tokenizers.load(byteLevel);
    assertArrayEquals(
        new int[] {259, 267, 259, 266}, tokenizer.encode("hello \n <note>\u00a0hello<|end|>"));
    assertEquals("hello<note>hello", tokenizer.decode(new int[] {259, 267, 259, 266}));
    assertEquals(
        "hello<note>hello<|end|>", tokenizer.decode(new int[] {259, 267, 259, 266}, false));
  }

  @Test
  void normalFormsApply() {
    Tokenizer tokenizer = Tokenizers.load(byteLevel);
    assertArrayEquals(tokenizer.encode("\u00e9"), tokenizer.encode("e\u0301"));
  }

  @Test
  void brokenUtf8AndUnknownIdsDoNotStopDecoding() {
    Tokenizer tokenizer = Tokenizers.load(byteLevel);
    assertEquals("\ufffdhello", tokenizer.decode(new int[] {0xc3, 259, 5000}));
  }

  @Test
  void sentencePieceMergesByRankAcrossTheWholeText() {
    Tokenizer tokenizer = Tokenizers.load(sentencePiece);
    int mark = 259;
    assertArrayEquals(new int[] {265}, tokenizer.encode("ab"));
    assertArrayEquals(new int[] {1, 265, 262, 265}, tokenizer.encode("abc ab", true));
    assertArrayEquals(new int[] {266, 265}, tokenizer.encode("  ab"));
    assertArrayEquals(new int[] {mark, 0xc3 + 3, 0xa9 + 3}, tokenizer.encode("\u00e9"));
    assertEquals("abc  \u00e9", tokenizer.decode(tokenizer.encode("abc  \u00e9", true)));
    assertEquals("\ufffd", tokenizer.decode(new int[] {mark, 0xc3 + 3}));
  }

  @Test
  void theConfigurationSaysWhetherBosIsAdded() throws Exception {
    assertArrayEquals(new int[] {1, 265}, Tokenizers.load(sentencePiece).encode("ab", true));
    Path config = sentencePiece.resolve("tokenizer_config.json");
    Files.writeString(
        config, "{\"bos_token\":\"<s>\",\"add_bos_token\":false,\"add_eos_token\":true}");
    assertArrayEquals(new int[] {265, 2}, Tokenizers.load(sentencePiece).encode("ab", true));
    Files.delete(config);
    assertArrayEquals(new int[] {265}, Tokenizers.load(sentencePiece).encode("ab", true));
    assertEquals(OptionalInt.of(1), Tokenizers.load(sentencePiece).bos());
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "\"type\": \"NFC\"|\"type\": \"Lowercase\"|normalizer: type \"Lowercase\"",
        "\"type\": \"Split\"|\"type\": \"Bert\"|pretokenizers: type \"Bert\"",
        "\"behavior\": \"Isolated\"|\"behavior\": \"Glued\"|behavior \"Glued\"",
        "\"type\": \"BPE\"|\"type\": \"Unigram\"|model: type \"Unigram\"",
        "\"type\": \"TemplateProcessing\"|\"type\": \"Roberta\"|processors: type \"Roberta\"",
        "\"hell\": 258|\"hull\": 258|model: merges[2]",
        "\"id\": 265|\"id\": \"x\"|added_tokens: \"id\"",
        "\"id\": 265|\"id\": -1|added_tokens: \"id\" is -1, expected",
        "\"id\": 265|\"id\": 2147483647|added_tokens: \"id\" is 2147483647, expected",
        "\"id\": 265|\"id\": 2000000000|added_tokens: \"id\" is 2000000000, expected",
        "\"id\": 265|\"id\": 1.5|added_tokens: \"id\" is 1.5, expected",
        "\"hell\": 258|\"hell\": 2147483647|model: vocab: the id of \"hell\" is 2147483647",
        "\"hell\": 258|\"hell\": [1]|model: vocab: the id of \"hell\" is [1]",
        "\"merges\": [|\"merges\": [[1, 2],|model: merges[0] is [1,2], expected two",
        "\"merges\": [|\"merges\": [{\"a\": 1, \"b\": 2},|model: merges[0] is {",
        "\"merges\": [|\"merges\": 5, \"old\": [|model: \"merges\" is NUMBER, expected a list",
        "\"vocab\": {|\"vocab\": [], \"old\": {|model: \"vocab\" is ARRAY, expected",
        "\"Regex\":|\"String\": 5, \"old\":|pretokenizers: \"String\" is NUMBER, expected",
        "\"Regex\":|\"Regex\": 5, \"old\":|pretokenizers: \"Regex\" is NUMBER, expected",
        "\"ids\": [|\"ids\": [\"x\",|processors: an id of",
        "\"version\"|version|not JSON"
      })
  void anUnknownPartIsNamedWithItsFile(String from, String to, String message) throws Exception {
    Path file = byteLevel.resolve("tokenizer.json");
    String json = Files.readString(file);
    assertTrue(json.contains(from), from);
    Files.writeString(file, json.replace(from, to));
    var error = assertThrows(DataException.class, () -> Tokenizers.load(byteLevel));
    String said = String.valueOf(error.getMessage());
    assertTrue(said.startsWith(file.toString()), said);
    assertTrue(said.contains(message), said);
    assertEquals(1, said.lines().count(), said);
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "ab"})
  void whatADecoderStripsIsOneCharacter(String content) throws Exception {
    Path file = sentencePiece.resolve("tokenizer.json");
    String json = Files.readString(file);
    Files.writeString(
        file, json.replaceFirst("(\"Strip\",\\s*\"content\": )\" \"", "$1\"" + content + "\""));
    var error = assertThrows(DataException.class, () -> Tokenizers.load(sentencePiece));
    assertEquals(
        file + ": decoders: \"content\" is \"" + content + "\", expected one character",
        error.getMessage());
  }

  @Test
  void aMergeOfNothingIsNoMerge() throws Exception {
    Path file = byteLevel.resolve("tokenizer.json");
    String json = Files.readString(file).replace("\"vocab\": {", "\"vocab\": {\"\": 0,");
    Files.writeString(file, json.replace("\"merges\": [", "\"merges\": [[\"h\", \"\"],"));
    var error = assertThrows(DataException.class, () -> Tokenizers.load(byteLevel));
    assertTrue(String.valueOf(error.getMessage()).contains("merges[0] is [\"h\",\"\"]"));
  }

  @Test
  void aFolderWithoutATokenizerIsAnError() {
    var error = assertThrows(DataException.class, () -> Tokenizers.load(folder));
    assertTrue(String.valueOf(error.getMessage()).contains("no such file"));
  }

  @Test
  void theByteTokenizerSavedAndLoadedGivesTheSameIdsAndText() throws Exception {
    Tokenizer bytes = new ByteTokenizer();
    save(bytes, folder.resolve("saved"));
    Tokenizer loaded = Tokenizers.load(folder.resolve("saved"));
    assertEquals(bytes.vocabularySize(), loaded.vocabularySize());
    assertEquals(bytes.bos(), loaded.bos());
    assertEquals(bytes.eos(), loaded.eos());
    long seed = 11;
    Random random = new Random(seed);
    for (int i = 0; i < 200; i++) {
      String text = randomText(random);
      assertArrayEquals(bytes.encode(text, true), loaded.encode(text, true), "seed " + seed);
      assertEquals(text, bytes.decode(bytes.encode(text, true)));
      int[] ids = random.ints(20, 0, 258).toArray();
      assertEquals(bytes.decode(ids, true), loaded.decode(ids, true), "seed " + seed);
    }
    int[] around = {ByteTokenizer.BOS, 'a', ByteTokenizer.EOS};
    assertEquals(bytes.decode(around, false), loaded.decode(around, false));
  }

  private static void save(Tokenizer tokenizer, Path to) throws IOException {
    Files.createDirectories(to);
    for (var file : Tokenizers.files(tokenizer).entrySet()) {
      Files.write(to.resolve(file.getKey()), file.getValue());
    }
  }

  @Test
  void aLoadedTokenizerIsTheFilesItCameFromEvenWhenTheyAreGone() throws Exception {
    Files.writeString(sentencePiece.resolve("chat_template.jinja"), "{{ messages }}");
    Files.writeString(sentencePiece.resolve("model.safetensors"), "no part of a tokenizer");
    Path other = Files.move(sentencePiece, folder.resolve("first"));
    Tokenizer tokenizer = Tokenizers.load(other);
    Files.move(other, folder.resolve("moved"));
    assertEquals(
        Set.of("tokenizer.json", "tokenizer_config.json", "chat_template.jinja"),
        Tokenizers.files(tokenizer).keySet());
    for (var file : Tokenizers.files(tokenizer).entrySet()) {
      assertArrayEquals(
          Files.readAllBytes(folder.resolve("moved").resolve(file.getKey())), file.getValue());
    }
    save(tokenizer, folder.resolve("saved"));
    assertArrayEquals(
        tokenizer.encode("abc ab", true),
        Tokenizers.load(folder.resolve("saved")).encode("abc ab", true));
  }

  @Test
  void anyTextComesBackFromItsIds() {
    long seed = 5;
    Random random = new Random(seed);
    Tokenizer pieces = Tokenizers.load(sentencePiece);
    Tokenizer words = Tokenizers.load(byteLevel);
    for (int i = 0; i < 500; i++) {
      // In the normal form already, and without the characters that stand for others.
      String text = randomText(random);
      assertEquals(text, pieces.decode(pieces.encode(text)), "seed " + seed + " text " + i);
      assertEquals(text, words.decode(words.encode(text)), "seed " + seed + " text " + i);
    }
  }

  private static String randomText(Random random) {
    String[] parts = {
      "a", "b", "c", "ab", "hello", " ", "  ", "\n", "1", "12", "é", "日本", "😀", "'s"
    };
    StringBuilder text = new StringBuilder();
    for (int i = random.nextInt(30); i > 0; i--) {
      text.append(parts[random.nextInt(parts.length)]);
    }
    return text.toString();
  }
}
