package rondo.cli;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static rondo.cli.Called.rondo;
import static rondo.cli.Called.shared;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Collectors;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import rondo.nn.checkpoint.SafetensorsFile;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** The program against an independent implementation, where its results are present. */
class GoldenLogitsTest {
  private static final double TOLERANCE = 1e-5;

  @TempDir Path folder;

  @ParameterizedTest
  @ValueSource(strings = {"llama-base", "llama3-base", "olmo2-base"})
  void logitsOfFixedDepthModels(String name) {
    var golden = shared("golden", name);
    var out = folder.resolve("out.safetensors");
    rondo("logits", "--model", golden, "--token-ids", ids(golden), "--out", out).works();
    assertNear(golden.resolve("expected.safetensors"), "logits", out, "logits");
    try (var tensors = SafetensorsFile.open(out)) {
      assertFalse(tensors.tensors().containsKey("state"), "there is no recurrence");
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"llama-retrofit", "olmo2-retrofit", "huginn"})
  void logitsAndStatesOfRecurrentModels(String name) {
    var golden = shared("golden", name);
    var expected = golden.resolve("expected.safetensors");
    var out = folder.resolve("out.safetensors");
    for (int r : List.of(1, 2, 4, 8)) {
      rondo(
              "logits",
              "--model",
              golden,
              "--token-ids",
              ids(golden),
              "--recurrences",
              r,
              "--initial-state",
              expected + (r == 1 ? ":initial_state" : ""),
              "--out",
              out)
          .works();
      assertNear(expected, "logits_r" + r, out, "logits");
      assertNear(expected, "state_r" + r, out, "state");
    }
    rondo(
            "logits",
            "--model",
            golden,
            "--token-ids",
            ids(golden),
            "--recurrences",
            4,
            "--initial-state",
            "zero",
            "--out",
            out,
            "--device",
            "plain")
        .works();
    assertNear(expected, "logits_r4_zero", out, "logits");
  }

  @ParameterizedTest
  @CsvSource({"llama-base, llama-retrofit", "olmo2-base, olmo2-retrofit"})
  void cuttingTheBaseGivesTheRetrofitExactly(String base, String retrofit) throws IOException {
    var golden = shared("golden", retrofit);
    var cut = JsonMapper.shared().readTree(golden.resolve("config.json").toFile()).path("surgery");
    var out = folder.resolve("made");
    rondo(
            "retrofit",
            "--model",
            shared("golden", base),
            "--prelude",
            layers(cut.path("prelude")),
            "--core",
            layers(cut.path("core")),
            "--coda",
            layers(cut.path("coda")),
            "--adapter",
            golden.resolve("model.safetensors"),
            "--out",
            out)
        .works();
    try (var made = SafetensorsFile.open(out.resolve("model.safetensors"));
        var wanted = SafetensorsFile.open(golden.resolve("model.safetensors"))) {
      for (var name : made.tensors().keySet()) {
        assertArrayEquals(wanted.require(name).readFloats(), made.require(name).readFloats(), name);
      }
      assertEquals(wanted.tensors().keySet(), made.tensors().keySet());
    }
    assertTrue(Files.exists(out.resolve("config.json")));
  }

  @ParameterizedTest
  @ValueSource(strings = {"stories260K-hf", "babyllama361-hf"})
  void lossOfARealModelAgreesWithAnIndependentOne(String name) throws IOException {
    var model = shared("models", name);
    var oracle = JsonMapper.shared().readTree(model.resolve("oracle.json").toFile());
    var data = folder.resolve("rows.jsonl");
    Files.writeString(data, "{\"input_ids\": " + oracle.path("input_ids") + "}\n");
    var json = rondo("loss", "--model", model, "--data", data, "--json").json();
    var row = json.path("losses").path(0);
    assertTrue(row.path("recurrences").isNull());
    assertEquals(oracle.path("nll").size(), row.path("tokens").asInt());
    assertEquals(oracle.path("mean_nll").asDouble(), row.path("loss").asDouble(), 1e-3);
  }

  private static String layers(JsonNode layers) {
    return layers.valueStream().map(JsonNode::asString).collect(Collectors.joining(","));
  }

  /** The rows of {@code input_ids} as the command line takes them. */
  private static String ids(Path golden) {
    try (var expected = SafetensorsFile.open(golden.resolve("expected.safetensors"))) {
      var stored = expected.require("input_ids");
      int time = (int) stored.shape()[1];
      var all = stored.readInts();
      var text = new StringBuilder();
      for (int i = 0; i < all.length; i++) {
        text.append(i == 0 ? "" : i % time == 0 ? ";" : ",").append(all[i]);
      }
      return text.toString();
    }
  }

  private static void assertNear(Path expected, String name, Path found, String tensor) {
    try (var wanted = SafetensorsFile.open(expected);
        var made = SafetensorsFile.open(found)) {
      assertArrayEquals(wanted.require(name).shape(), made.require(tensor).shape(), name);
      var a = made.require(tensor).readFloats();
      var b = wanted.require(name).readFloats();
      double difference = 0;
      double norm = 0;
      for (int i = 0; i < a.length; i++) {
        difference += Math.pow((double) a[i] - b[i], 2);
        norm += Math.pow(b[i], 2);
      }
      double error = Math.sqrt(difference / norm);
      assertTrue(error < TOLERANCE, name + ": relative error " + error);
    }
  }
}
