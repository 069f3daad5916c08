package rondo.nn;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.List;
import java.util.Objects;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import rondo.engine.device.Device;
import rondo.engine.graph.DType;
import rondo.nn.checkpoint.BaseConfig;
import rondo.nn.checkpoint.RecurrentConfig;
import rondo.nn.checkpoint.SafetensorsFile;
import tools.jackson.databind.json.JsonMapper;

/** Logits and states of whole models, and the surgery that relates them, against golden values. */
class GoldenLogitsTest {
  @ParameterizedTest(name = "{0} on {1} in {2}")
  @CsvSource({
    "llama-base,plain,F32",
    "llama-base,cpu,F32",
    "llama-base,emulated,F32",
    "llama-base,plain,BF16",
    "llama-base,emulated,BF16",
    "llama3-base,plain,F32",
    "llama3-base,cpu,F32",
    "llama3-base,emulated,F32",
    "llama3-base,plain,BF16",
    "llama3-base,emulated,BF16",
    "olmo2-base,plain,F32",
    "olmo2-base,cpu,F32",
    "olmo2-base,emulated,F32",
    "olmo2-base,plain,BF16",
    "olmo2-base,emulated,BF16"
  })
  void logitsOfFixedDepthModelsAreTheGoldenOnes(String name, String on, DType type) {
    var folder = Golden.folder(name);
    try (var device = Golden.device(on);
        var expected = SafetensorsFile.open(folder.resolve("expected.safetensors"));
        var weights = WeightFiles.load(folder, device)) {
      var ids = expected.require("input_ids");
      var model = new Unrolled(device, weights, (int) ids.shape()[0], (int) ids.shape()[1], type);
      Golden.assertClose(
          "logits",
          expected.require("logits").readFloats(),
          model.logits(ids.readInts()),
          Golden.tolerance(type));
      assertEquals(List.of(), weights.notes());
    }
  }

  @ParameterizedTest(name = "{0} on {1} in {2}")
  @MethodSource("rondo.nn.Golden#recurrentCases")
  void logitsAndStatesOfRecurrentModelsAreTheGoldenOnes(String name, String on, DType type) {
    var folder = Golden.folder(name);
    try (var device = Golden.device(on);
        var expected = SafetensorsFile.open(folder.resolve("expected.safetensors"));
        var weights = WeightFiles.load(folder, device)) {
      var ids = expected.require("input_ids");
      int batch = (int) ids.shape()[0];
      int time = (int) ids.shape()[1];
      var start = expected.require("initial_state").readFloats();
      var at = new Unrolled(device, weights, batch, time, type).recur(ids.readInts(), start, 8);
      for (int r : new int[] {1, 2, 4, 8}) {
        assertClose(type, expected, "logits_r" + r, Golden.of(at, "logits_r" + r));
        assertClose(type, expected, "state_r" + r, Golden.of(at, "state_r" + r));
      }
      var fromZero =
          new Unrolled(device, weights, batch, time, type)
              .recur(ids.readInts(), new float[start.length], 4);
      var zero = Golden.of(fromZero, "logits_r4");
      assertClose(type, expected, "logits_r4_zero", zero);
      var numbers = JsonMapper.shared().readTree(folder.resolve("expected.json").toFile());
      double loss = loss(zero, expected.require("targets").readInts());
      assertEquals(
          numbers.get("loss_r4_zero").asDouble(), loss, Golden.tolerance(type), "loss_r4_zero");
    }
  }

  private static void assertClose(
      DType type, SafetensorsFile expected, String name, float[] actual) {
    Golden.assertClose(name, expected.require(name).readFloats(), actual, Golden.tolerance(type));
  }

  /** Mean cross-entropy over counted targets, in double. */
  private static double loss(float[] logits, int[] targets) {
    int vocabulary = logits.length / targets.length;
    double sum = 0;
    int counted = 0;
    for (int row = 0; row < targets.length; row++) {
      if (targets[row] != -100) {
        double exponentials = 0;
        for (int v = 0; v < vocabulary; v++) {
          exponentials += Math.exp(logits[row * vocabulary + v]);
        }
        sum += Math.log(exponentials) - logits[row * vocabulary + targets[row]];
        counted++;
      }
    }
    return sum / counted;
  }

  @ParameterizedTest(name = "{0}")
  @ValueSource(strings = {"llama-retrofit", "olmo2-retrofit"})
  void cuttingTheBaseGivesTheRetrofitExactly(String name) {
    var folder = Golden.folder(name);
    try (var device = Device.plain();
        var expected = WeightFiles.load(folder, device);
        var base = WeightFiles.load(Golden.folder(name.replace("retrofit", "base")), device)) {
      var origin = Objects.requireNonNull(((RecurrentConfig) expected.model().config()).origin());
      assertEquals(6, ((BaseConfig) base.model().config()).layers());
      var adapter = new Retrofit.Adapter.FromFile(folder.resolve("model.safetensors"));
      try (var cut = Retrofit.of(base, origin.surgery(), adapter, origin.source(), device)) {
        assertEquals(expected.model().parameters(), cut.model().parameters());
        for (var p : expected.model().parameters()) {
          assertArrayEquals(device.floats(expected.of(p)), device.floats(cut.of(p)), p.name());
        }
      }
    }
  }
}
