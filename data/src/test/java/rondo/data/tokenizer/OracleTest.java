package rondo.data.tokenizer;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import rondo.data.Shared;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.ObjectMapper;

/** Against the encodings that Hugging Face's tokenizers gave for real models. */
class OracleTest {

  @ParameterizedTest
  @CsvSource({
    "tinyllama,    tokenizers/tinyllama",
    "gpt2,         tokenizers/gpt2",
    "stories260K,  models/stories260K-hf",
    "babyllama361, models/babyllama361-hf",
    "babyllama105, models/babyllama105-hf"
  })
  void everyTextHasTheOraclesIdsAndText(String name, String folder) throws Exception {
    Path oracle = Shared.file("tokenizers/oracle");
    Tokenizer tokenizer = Tokenizers.load(Shared.file(folder));
    int checked = 0;
    try (Stream<Path> files = Files.list(oracle)) {
      for (Path file : files.sorted().toList()) {
        JsonNode entries = new ObjectMapper().readTree(file).path(name);
        for (JsonNode entry : entries) {
          String text = entry.get("text").stringValue();
          int[] ids = entry.get("ids").valueStream().mapToInt(JsonNode::intValue).toArray();
          assertArrayEquals(ids, tokenizer.encode(text, true), text);
          JsonNode decoded = entry.get("decoded");
          assertEquals(decoded.isNull() ? "" : decoded.stringValue(), tokenizer.decode(ids), text);
          checked++;
        }
      }
    }
    assertTrue(checked >= 13, "entries for " + name + ": " + checked);
  }

  @Test
  void theNewFormatOfTinyLlamaDiffersOnlyBeforeLeadingSpacesAndAfterSpecialTokens() {
    Tokenizer old = Tokenizers.load(Shared.file("tokenizers/tinyllama/tokenizer.json"));
    Tokenizer fresh =
        Tokenizers.load(Shared.file("tokenizers/tinyllama/tokenizer.new-format.json"));
    for (String text :
        new String[] {"", "Hello world", "a  b   c", "naïve 😀\u00a0x\n\tz", "日本語 テ"}) {
      assertArrayEquals(old.encode(text, true), fresh.encode(text, true), text);
    }
    assertArrayEquals(new int[] {1, 29871, 29906}, fresh.encode(" 2", true));
    assertArrayEquals(new int[] {1, 259, 29906}, old.encode(" 2", true));
    assertArrayEquals(new int[] {1, 2918, 2}, fresh.encode("<s>hi</s>"));
  }

  @Test
  void aWholeBookComesBackFromItsIds() throws Exception {
    Path file = Shared.file("data/text/tinyshakespeare.txt");
    Tokenizer tokenizer = Tokenizers.load(Shared.file("tokenizers/tinyllama"));
    String text = Files.readString(file);
    int[] ids = tokenizer.encode(text);
    assertEquals(text, tokenizer.decode(ids));
    assertEquals(1, tokenizer.bos().orElse(-1));
    assertEquals(2, tokenizer.eos().orElse(-1));
    assertEquals(32000, tokenizer.vocabularySize());
  }
}
