package rondo.cli;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static rondo.cli.Called.rondo;
import static rondo.cli.Called.shared;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import rondo.nn.checkpoint.SafetensorsFile;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

class ExportTest {
  @TempDir Path folder;

  private float[] logits(Path model, boolean recurrent) {
    var out = folder.resolve("logits.safetensors");
    var call =
        new java.util.ArrayList<Object>(
            List.of("logits", "--model", model, "--token-ids", "1,5,9,2", "--out", out));
    if (recurrent) {
      call.addAll(List.of("--recurrences", 3, "--initial-state", "zero"));
    }
    rondo(call.toArray()).works();
    try (var file = SafetensorsFile.open(out)) {
      return file.require("logits").readFloats();
    }
  }

  /** The same logits from one matrix more, which training then moves by itself. */
  @Test
  void anUntiedModelIsTheSameUntilItIsTrained() throws IOException {
    var tied = TinyModels.fixed(folder.resolve("tied"));
    var untied = folder.resolve("untied");
    rondo("export", tied, "--out", untied, "--untie").works();
    assertArrayEquals(logits(tied, false), logits(untied, false));
    var parameters = rondo("plan", "--model", untied, "--json").json().path("parameters");
    assertEquals(parameters.path("embedding"), parameters.path("head"));
    assertTrue(
        rondo("export", untied, "--out", folder.resolve("no"), "--untie")
            .wrong()
            .contains("whose head is its embedding"));
    assertFalse(Files.exists(folder.resolve("no")));
  }

  @ParameterizedTest
  @CsvSource({"huginn, true", "olmo2-retrofit, true", "llama-retrofit, true", "llama-base, false"})
  void anExportHasTheLogitsOfItsModel(String name, boolean recurrent) {
    var model = shared("golden", name);
    var out = folder.resolve("out");
    var json = rondo("export", model, "--out", out, "--max-shard-size", "50KB", "--json").json();
    assertTrue(json.path("weights").size() > 1, json.toString());
    assertTrue(Files.exists(out.resolve("model.safetensors.index.json")));
    assertArrayEquals(logits(model, recurrent), logits(out, recurrent));
    // What bfloat16 holds, it holds exactly: an export of that export is the same again.
    var rounded = folder.resolve("rounded");
    var told = rondo("export", model, "--out", rounded, "--dtype", "bf16").works().err();
    assertEquals(name.equals("huginn"), told.contains("torch_dtype=torch.bfloat16"), told);
    var again = folder.resolve("again");
    json = rondo("export", rounded, "--out", again, "--json").json();
    assertEquals("bfloat16", json.path("dtype").asString());
    assertArrayEquals(logits(rounded, recurrent), logits(again, recurrent));
    var wide = folder.resolve("wide");
    rondo("export", rounded, "--out", wide, "--dtype", "f32").works();
    assertArrayEquals(logits(rounded, recurrent), logits(wide, recurrent));
  }

  @Test
  void huginnsTokensInAPublishedRetrofitAreReplacedAndTheTokenizerIsKept() throws IOException {
    var model = TinyModels.recurrent(folder.resolve("model"));
    var config = (ObjectNode) read(model.resolve("config.json"));
    config.put("bos_token_id", 65504).put("eos_token_id", 65505).put("pad_token_id", 65509);
    Files.writeString(model.resolve("config.json"), config.toString());
    Files.writeString(
        model.resolve("generation_config.json"),
        "{\"bos_token_id\": 65504, \"eos_token_id\": 65505, \"max_new_tokens\": 9}");
    Files.writeString(model.resolve("tokenizer.json"), "{}");
    var code = Files.createDirectories(folder.resolve("code"));
    Files.writeString(code.resolve("raven_config_minimal.py"), "# config");
    var out = folder.resolve("out");
    assertTrue(
        rondo("export", model, "--out", out, "--code", code)
            .wrong()
            .contains("has no raven_modeling_minimal.py"));
    Files.writeString(code.resolve("raven_modeling_minimal.py"), "# model");
    rondo("export", model, "--out", out, "--code", code).works();
    assertEquals("# model", Files.readString(out.resolve("raven_modeling_minimal.py")));
    assertEquals("{}", Files.readString(out.resolve("tokenizer.json")));
    for (var file : List.of("config.json", "generation_config.json")) {
      var made = Files.readString(out.resolve(file));
      assertFalse(made.contains("6550"), made);
    }
    assertEquals(9, read(out.resolve("generation_config.json")).path("max_new_tokens").asInt());
    var made = read(out.resolve("config.json"));
    assertEquals(
        "raven_modeling_minimal.RavenForCausalLM",
        made.path("auto_map").path("AutoModelForCausalLM").asString());
    assertFalse(made.has("tie_word_embeddings"));
  }

  private static tools.jackson.databind.JsonNode read(Path file) throws IOException {
    return JsonMapper.shared().readTree(Files.readString(file));
  }

  @Test
  void wrongCallsAreTold() throws IOException {
    var model = TinyModels.recurrent(folder.resolve("model"));
    var out = folder.resolve("out");
    assertTrue(rondo("export", model, "--out", model).wrong().contains("is not empty"));
    assertTrue(
        rondo("export", model, "--out", out, "--dtype", "f16").wrong().contains("f32 or bf16"));
    assertTrue(
        rondo("export", model, "--out", out, "--max-shard-size", "big").wrong().contains("5GB"));
    assertTrue(rondo("export", "none", "--out", out).wrong().contains("none: no such folder"));
    assertFalse(Files.exists(out));
  }

  @Test
  void sizesAreReadAsTheyAreWritten() {
    assertEquals(5_000_000_000L, ExportCommand.size("5GB"));
    assertEquals(2L << 30, ExportCommand.size("2 GiB"));
    assertEquals(17, ExportCommand.size("17"));
    assertEquals(500_000, ExportCommand.size("500kb"));
    for (var wrong : List.of("0", "-1", "1.5GB", "GB", "999999999999TB", "5PB")) {
      assertThrows(IllegalArgumentException.class, () -> ExportCommand.size(wrong), wrong);
    }
  }
}
