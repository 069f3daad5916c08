package rondo.nn;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.function.BiConsumer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import rondo.engine.device.Device;
import rondo.engine.weights.Parameter;
import rondo.nn.checkpoint.Surgery;

class RetrofitCheckTest {
  private static final Surgery CUT = new Surgery(List.of(0), List.of(2, 3), List.of(5));

  private static Weights retrofit(Weights base, Surgery surgery, Device device) {
    return Retrofit.of(base, surgery, new Retrofit.Adapter.Kaiming(3), "base", device);
  }

  @ParameterizedTest
  @CsvSource({
    "llama-base,plain",
    "llama3-base,plain",
    "olmo2-base,plain",
    "llama-base,cpu",
    "llama3-base,cpu",
    "olmo2-base,cpu",
    "llama-base,emulated",
    "olmo2-base,emulated"
  })
  void aRetrofitIsItsBaseWithoutTheDroppedLayers(String name, String on) {
    try (var device = Golden.device(on);
        var base = WeightFiles.load(Golden.folder(name), device);
        var made = retrofit(base, CUT, device)) {
      var rows = RetrofitCheck.compare(base, made, CUT, 1);
      for (var row : rows) {
        assertEquals(0, row.difference(), row.name() + " on " + on);
        assertTrue(row.largest() > 0.01, row.name());
      }
      assertEquals(
          List.of(
              "embedding",
              "prelude 0 (layer 0)",
              "adapter",
              "core 0 (layer 2)",
              "core 1 (layer 3)",
              "coda 0 (layer 5)",
              "final norm",
              "logits"),
          rows.stream().map(RetrofitCheck.Row::name).toList());
    }
  }

  @ParameterizedTest
  @CsvSource({"stories260K-hf", "babyllama361-hf"})
  void soItIsOfTrainedModels(String name) {
    var folder = Path.of(System.getProperty("rondo.shared", "../../shared"), "models", name);
    assumeTrue(Files.exists(folder), folder + " is absent (-Drondo.shared=FOLDER)");
    try (var device = Golden.device("cpu");
        var base = WeightFiles.load(folder, device)) {
      int layers = ((FixedModel) base.model()).blocks().size();
      var cut = new Surgery(List.of(0), List.of(layers - 3, layers - 2), List.of(layers - 1));
      try (var made = retrofit(base, cut, device)) {
        RetrofitCheck.compare(base, made, cut, 2)
            .forEach(row -> assertEquals(0, row.difference(), row.name()));
      }
    }
  }

  /** The first row that does not agree after a mistake in the converted weights. */
  private static String first(BiConsumer<Weights, Device> mistake) {
    try (var device = Device.plain();
        var base = WeightFiles.load(Golden.folder("llama-base"), device);
        var made = retrofit(base, CUT, device)) {
      mistake.accept(made, device);
      return RetrofitCheck.compare(base, made, CUT, 1).stream()
          .filter(row -> !row.agrees())
          .findFirst()
          .map(RetrofitCheck.Row::name)
          .orElse("none");
    }
  }

  private static Parameter named(Weights weights, String name) {
    return weights.model().parameters().stream()
        .filter(p -> p.name().equals(name))
        .findFirst()
        .orElseThrow();
  }

  /** Exchanges the halves of a parameter. */
  private static void turn(Weights weights, String name) {
    var buffer = weights.of(named(weights, name));
    var values = weights.device().floats(buffer);
    var turned = new float[values.length];
    int half = values.length / 2;
    System.arraycopy(values, 0, turned, half, half);
    System.arraycopy(values, half, turned, 0, half);
    weights.device().write(buffer, turned);
  }

  @Test
  void mistakesAreNamedWhereTheyAre() {
    assertEquals("none", first((made, device) -> {}));
    assertEquals(
        "core 0 (layer 2)",
        first((made, device) -> {
          var model = (RecurrentModel) made.model();
          for (int i = 0; i < model.core().get(0).parameters().size(); i++) {
            var a = made.of(model.core().get(0).parameters().get(i));
            var b = made.of(model.core().get(1).parameters().get(i));
            var kept = device.floats(a).clone();
            device.copy(b, a);
            device.write(b, kept);
          }
        }),
        "two layers in each other's place");
    assertEquals(
        "coda 0 (layer 5)",
        first((made, device) -> turn(made, "transformer.coda.0.mlp.fc.weight")),
        "gate and up in each other's place");
    assertEquals(
        "prelude 0 (layer 0)",
        first((made, device) -> turn(made, "transformer.prelude.0.attn.Wqkv.weight")));
    assertEquals("embedding", first((made, device) -> turn(made, "transformer.wte.weight")));
    assertEquals("final norm", first((made, device) -> turn(made, "transformer.ln_f.weight")));
    assertEquals("logits", first((made, device) -> turn(made, "lm_head.weight")));
  }

  @Test
  void roundedWeightsAndWhatIsNoNumberAreFound() {
    var weight = "transformer.core_block.1.attn.proj.weight";
    assertEquals(
        "core 1 (layer 3)",
        first((made, device) -> {
          var buffer = made.of(named(made, weight));
          var values = device.floats(buffer);
          for (int i = 0; i < values.length; i++) {
            values[i] = Float.intBitsToFloat(Float.floatToRawIntBits(values[i]) & 0xffff0000);
          }
          device.write(buffer, values);
        }));
    assertEquals(
        "core 1 (layer 3)",
        first((made, device) -> {
          var buffer = made.of(named(made, weight));
          var values = device.floats(buffer);
          values[0] = Float.NaN;
          device.write(buffer, values);
        }));
  }

  @Test
  void anotherSurgeryIsRefused() {
    try (var device = Device.plain();
        var base = WeightFiles.load(Golden.folder("llama-base"), device);
        var made = retrofit(base, CUT, device)) {
      var more = new Surgery(List.of(0), List.of(1, 2, 3), List.of(5));
      var e =
          assertThrows(
              IllegalArgumentException.class, () -> RetrofitCheck.compare(base, made, more, 1));
      assertTrue(String.valueOf(e.getMessage()).contains("expected 1, 3 and 1"), e.getMessage());
      var other = new Surgery(List.of(0), List.of(2, 3), List.of(4));
      assertFalse(
          RetrofitCheck.compare(base, made, other, 1).stream().allMatch(RetrofitCheck.Row::agrees));
    }
  }
}
