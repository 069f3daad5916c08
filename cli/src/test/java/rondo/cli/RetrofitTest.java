package rondo.cli;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static rondo.cli.Called.rondo;
import static rondo.cli.Called.shared;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import rondo.nn.checkpoint.SafetensorsFile;
import rondo.nn.checkpoint.SafetensorsWriter;
import rondo.nn.checkpoint.TensorToWrite;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

class RetrofitTest {
  @TempDir Path folder;

  private Called retrofit(Path model, Object... more) {
    var args = new ArrayList<Object>(List.of("retrofit", "--model", model));
    args.addAll(List.of("--prelude", 0, "--core", "1,2", "--coda", 3, "--device", "cpu"));
    args.addAll(List.of("--out", folder.resolve("made")));
    args.addAll(List.of(more));
    return rondo(args.toArray());
  }

  private static JsonNode read(Path file) throws IOException {
    return JsonMapper.shared().readTree(Files.readString(file));
  }

  @ParameterizedTest
  @ValueSource(strings = {"models/stories260K-hf", "golden/llama3-base", "golden/olmo2-base"})
  void theCheckLooksAtEveryLayer(String name) throws IOException {
    var model = shared(name.split("/"));
    var json = retrofit(model, "--json").json();
    assertTrue(json.path("verified").asBoolean());
    assertEquals(8, json.path("check").size());
    for (var row : json.path("check")) {
      assertEquals(0, row.path("max_difference").asDouble(-1), row.toString());
    }
    var base = read(model.resolve("config.json"));
    for (var file : List.of("config.json", "generation_config.json")) {
      var made = read(folder.resolve("made").resolve(file));
      for (var key : List.of("bos_token_id", "eos_token_id", "pad_token_id")) {
        assertEquals(base.path(key).asInt(-1), made.path(key).asInt(-1), file + " " + key);
      }
    }
    var text =
        rondo("retrofit", "--model", model, "--out", folder.resolve("made"), "--verify-only")
            .works()
            .out();
    assertTrue(text.contains("the same as the base without its dropped layers"), text);
    assertEquals(
        List.of("core 1 2 0"),
        Called.row(text, "core 1").stream()
            .map(row -> row.substring(0, row.lastIndexOf(' ')))
            .toList());
  }

  @Test
  void aDamagedRetrofitFailsAndTheLayerIsNamed() throws IOException {
    var fixed = TinyModels.fixed(folder.resolve("fixed"));
    retrofit(fixed, "--no-verify").works();
    swap("transformer.core_block.1.mlp.fc.weight");
    var called = retrofit(fixed, "--verify-only", "--json");
    assertEquals(1, called.code(), called.err());
    var last = called.err().lines().reduce((a, b) -> b).orElseThrow();
    assertTrue(last.contains("core 1 (layer 2) differs from the base"), last);
    assertEquals(false, JsonMapper.shared().readTree(called.out()).path("verified").asBoolean());
    assertTrue(
        retrofit(fixed, "--verify-only", "--no-verify").wrong().contains("nothing is left to do"));
  }

  /** Exchanges the halves of a tensor of the converted model: gate and up, of fc. */
  private void swap(String name) {
    var file = folder.resolve("made/model.safetensors");
    var tensors = new ArrayList<TensorToWrite>();
    try (var stored = SafetensorsFile.open(file)) {
      stored
          .tensors()
          .forEach((key, tensor) -> {
            var values = tensor.readFloats();
            if (key.equals(name)) {
              int half = values.length / 2;
              var first = java.util.Arrays.copyOf(values, half);
              System.arraycopy(values, half, values, 0, half);
              System.arraycopy(first, 0, values, half, half);
            }
            tensors.add(
                TensorToWrite.f32(
                    key, java.lang.foreign.MemorySegment.ofArray(values), tensor.shape()));
          });
    }
    SafetensorsWriter.write(file, tensors);
  }

  @Test
  void theBasesOwnGenerationSettingsAreKeptAndHuginnsTokensAreNot() throws IOException {
    var fixed = TinyModels.fixed(folder.resolve("fixed"));
    Files.writeString(
        fixed.resolve("generation_config.json"),
        "{\"temperature\": 0.6, \"eos_token_id\": [2, 7], \"bos_token_id\": null}");
    retrofit(fixed).works();
    var made = read(folder.resolve("made/generation_config.json"));
    assertEquals(0.6, made.path("temperature").asDouble());
    assertEquals(1, made.path("bos_token_id").asInt());
    assertEquals("[2,7]", made.path("eos_token_id").toString());
    assertTrue(made.path("pad_token_id").isNull());

    Files.writeString(
        fixed.resolve("generation_config.json"),
        "{\"bos_token_id\": 65504, \"eos_token_id\": 65505, \"pad_token_id\": 65509}");
    rondo(
            "retrofit",
            "--model",
            fixed,
            "--prelude",
            0,
            "--core",
            1,
            "--coda",
            3,
            "--no-verify",
            "--out",
            folder.resolve("again"))
        .works();
    made = read(folder.resolve("again/generation_config.json"));
    assertEquals(1, made.path("bos_token_id").asInt());
    assertEquals(2, made.path("eos_token_id").asInt());
    assertTrue(made.path("pad_token_id").isNull());
  }

  @Test
  void aModelInBfloat16StaysInItAndAnAdapterInFloat32IsNotRounded() throws IOException {
    var fixed = TinyModels.bfloat16(folder.resolve("fixed"));
    var json = retrofit(fixed, "--json").json();
    assertEquals("bf16", json.path("precision").asString());
    assertTrue(json.path("verified").asBoolean());
    var values = new float[16 * 32];
    java.util.Arrays.fill(values, 0.1f);
    var file = folder.resolve("adapter.safetensors");
    SafetensorsWriter.write(
        file,
        List.of(
            TensorToWrite.f32(
                "transformer.adapter.weight",
                java.lang.foreign.MemorySegment.ofArray(values),
                16,
                32)));
    var out = folder.resolve("exact");
    rondo(
            "retrofit",
            "--model",
            fixed,
            "--prelude",
            0,
            "--core",
            1,
            "--coda",
            3,
            "--adapter",
            file,
            "--out",
            out)
        .works();
    try (var stored = SafetensorsFile.open(out.resolve("model.safetensors"))) {
      assertArrayEquals(values, stored.require("transformer.adapter.weight").readFloats());
    }
  }

  @Test
  void aPublishedCutIsTakenByItsName() throws IOException {
    var fixed = TinyModels.fixed(folder.resolve("fixed"));
    var out = folder.resolve("out");
    assertTrue(
        rondo("retrofit", "--model", fixed, "--cut", "llama3.2-2-4-2", "--out", out)
            .wrong()
            .contains("is for models of 16 layers"));
    assertTrue(
        rondo("retrofit", "--model", fixed, "--cut", "huginn", "--out", out)
            .wrong()
            .contains("expected a retrofit"));
    assertTrue(
        rondo("retrofit", "--model", fixed, "--cut", "olmo2-4-6-4", "--core", 1, "--out", out)
            .wrong()
            .contains("not with them"));
    var deep = TinyModels.deep(folder.resolve("deep"), 16);
    var json =
        rondo("retrofit", "--model", deep, "--cut", "llama3.2-2-4-2", "--out", out, "--json")
            .json();
    assertEquals("[10,11,12,13]", json.path("surgery").path("core").toString());
    assertEquals(8, json.path("dropped").size());
    assertTrue(json.path("verified").asBoolean());
  }
}
