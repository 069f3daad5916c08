package rondo.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static rondo.cli.Called.rondo;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A wrong path, shape or number gets one line that names it and what was expected. */
class WrongCallsTest {
  @TempDir Path folder;
  private Path fixed = Path.of("");
  private Path recurrent = Path.of("");

  @BeforeEach
  void makeModels() throws IOException {
    fixed = TinyModels.fixed(folder.resolve("fixed"));
    recurrent = TinyModels.recurrent(folder.resolve("recurrent"));
  }

  private static void assertSays(String expected, String line) {
    assertTrue(line.contains(expected), line);
  }

  @Test
  void models() throws IOException {
    assertSays("no such folder", rondo("logits", "--model", "none", "--token-ids", 1).wrong());
    var weights = recurrent.resolve("model.safetensors");
    var bytes = Files.readAllBytes(weights);
    Files.write(weights, Arrays.copyOf(bytes, bytes.length / 2));
    assertSays(
        "model.safetensors", rondo("logits", "--model", recurrent, "--token-ids", 1).wrong());
    Files.write(weights, new byte[] {1, 2, 3});
    assertSays("3 bytes", rondo("loss", "--model", recurrent, "--data", weights).wrong());
    Files.delete(weights);
    assertSays("holds neither", rondo("plan", "--model", recurrent).wrong());
  }

  @Test
  void aStackTraceIsShownOnRequestOnly() {
    var traced = rondo("logits", "--model", "none", "--token-ids", 1, "--stacktrace");
    assertEquals(2, traced.code());
    assertTrue(traced.err().contains("\tat "), traced.err());
  }

  @Test
  void layers() {
    assertSays("prelude '0-9'", retrofit("0-9", "1-2", "3").wrong());
    assertSays("runs backwards", retrofit("0", "2-1", "3").wrong());
    assertSays("is in an earlier part", retrofit("0", "0-2", "3").wrong());
    assertSays("'x' is not a layer", retrofit("x", "1-2", "3").wrong());
    assertSays(
        "no published cut",
        rondo("retrofit", "--model", fixed, "--out", folder.resolve("out")).wrong());
    assertSays(
        "all three",
        rondo("retrofit", "--model", fixed, "--core", 1, "--out", folder.resolve("out")).wrong());
    assertSays(
        "recurrent already",
        rondo("retrofit", "--model", recurrent, "--out", folder.resolve("out")).wrong());
    assertSays(
        "is not empty",
        rondo(
                "retrofit",
                "--model",
                fixed,
                "--prelude",
                0,
                "--core",
                1,
                "--coda",
                2,
                "--out",
                fixed)
            .wrong());
  }

  @Test
  void adapters() {
    assertSays("kaiming, identity or a file", retrofit("0", "1-2", "3", "--adapter", "x").wrong());
    assertSays(
        "transformer.adapter.weight",
        retrofit("0", "1-2", "3", "--adapter", fixed.resolve("model.safetensors")).wrong());
  }

  @Test
  void aRetrofitIsRunAndItsTokenizerKept() throws IOException {
    Files.writeString(fixed.resolve("tokenizer_config.json"), "{}");
    var json = retrofit("0", "1-2", "3", "--adapter", "identity", "--json").json();
    assertEquals("tokenizer_config.json", json.path("files_kept").path(0).asString());
    assertEquals(0, json.path("dropped").size());
    var made = folder.resolve("out");
    assertTrue(Files.exists(made.resolve("tokenizer_config.json")));
    var logits =
        rondo("logits", "--model", made, "--token-ids", "1,2", "--recurrences", 2, "--json").json();
    assertEquals(TinyModels.VOCABULARY, logits.path("shape").path(2).asInt());
    assertEquals(2, logits.path("recurrences").asInt());
  }

  @Test
  void tokens() {
    assertSays("50 in row 1 is outside", logits(recurrent, "1,50").wrong());
    assertSays("row 2 has 1 tokens, expected 2", logits(recurrent, "1,2;3").wrong());
    assertSays("\"x\"", logits(recurrent, "1,x").wrong());
    assertSays("\"\"", logits(recurrent, "1,,2").wrong());
    assertSays("\"-1\"", logits(recurrent, "-1").wrong());
    assertSays("32 positions", logits(recurrent, "1" + ",1".repeat(32)).wrong());
  }

  @Test
  void depths() {
    assertSays("fixed depth", logits(fixed, "1", "--recurrences", 2).wrong());
    assertSays("fixed depth", logits(fixed, "1", "--initial-state", "zero").wrong());
    assertSays("at least 1", logits(recurrent, "1", "--recurrences", 0).wrong());
  }

  @Test
  void initialStates() {
    var file = recurrent.resolve("model.safetensors");
    assertSays("no such file", logits(recurrent, "1", "--initial-state", "zeroes").wrong());
    assertSays(
        "'initial_state' is missing", logits(recurrent, "1", "--initial-state", file).wrong());
    assertSays(
        "expected [1, 1, 16]",
        logits(recurrent, "1", "--initial-state", file + ":transformer.adapter.weight").wrong());
  }

  @Test
  void devices() {
    assertSays("expected auto", logits(recurrent, "1", "--device", "gpu").wrong());
    assertSays("cuda", logits(recurrent, "1", "--device", "cuda:99").wrong());
    assertSays("--threads -1", logits(recurrent, "1", "--threads", -1).wrong());
  }

  @Test
  void outputs() {
    assertSays("is not there", logits(recurrent, "1", "--out", folder.resolve("no/x")).wrong());
    assertSays("is a folder", logits(recurrent, "1", "--out", folder).wrong());
  }

  private Called logits(Path model, String ids, Object... more) {
    return with(new Object[] {"logits", "--model", model, "--token-ids=" + ids}, more);
  }

  private Called retrofit(String prelude, String core, String coda, Object... more) {
    return with(
        new Object[] {
          "retrofit",
          "--model",
          fixed,
          "--prelude",
          prelude,
          "--core",
          core,
          "--coda",
          coda,
          "--out",
          folder.resolve("out")
        },
        more);
  }

  private static Called with(Object[] first, Object[] more) {
    var all = Arrays.copyOf(first, first.length + more.length);
    System.arraycopy(more, 0, all, first.length, more.length);
    return rondo(all);
  }
}
