package rondo.infer;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.abort;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import rondo.engine.device.Device;
import rondo.engine.device.Devices;
import rondo.engine.device.Region;
import rondo.engine.graph.DType;
import rondo.engine.graph.TensorType;
import rondo.nn.WeightFiles;
import rondo.nn.Weights;
import rondo.nn.checkpoint.SafetensorsFile;

/** Running models forward on rows: golden values, and what must not depend on the batch. */
class ForwardTest {
  private static final long SEED = Long.getLong("rondo.seed", 20_260_106L);
  private static final int VOCABULARY = 37;

  /** The small models that the tests of {@code nn} keep. */
  private static Path vectors(String name) {
    return Path.of("")
        .toAbsolutePath()
        .resolveSibling("nn/src/test/resources/vectors")
        .resolve(name);
  }

  private static Path golden(String name) {
    Path file = Path.of(System.getProperty("rondo.shared", "../../shared"), "golden", name);
    assumeTrue(Files.exists(file), file + " is absent (-Drondo.shared=FOLDER)");
    return file;
  }

  private static Device device(String name) {
    try {
      // -Drondo.gpu=cuda runs on a GPU what otherwise stands in for one.
      var on = name.equals("emulated") ? System.getProperty("rondo.gpu", name) : name;
      return Devices.open(on, 2);
    } catch (IllegalStateException e) {
      return abort(e.getMessage());
    }
  }

  private static void assertClose(String what, float[] expected, float[] actual, double within) {
    assertEquals(expected.length, actual.length, what);
    double difference = 0;
    double norm = 0;
    for (int i = 0; i < expected.length; i++) {
      difference += Math.pow((double) actual[i] - expected[i], 2);
      norm += Math.pow(expected[i], 2);
    }
    double distance = Math.sqrt(difference / norm);
    assertTrue(distance < within, what + ": relative error " + distance);
  }

  private static int[] tokens(int count) {
    System.out.println("tokens: -Drondo.seed=" + SEED);
    return new Random(SEED).ints(count, 0, VOCABULARY).toArray();
  }

  @ParameterizedTest(name = "{0} on {1} in {2}")
  @CsvSource({
    "llama-base,plain,F32", "llama-base,cpu,F32", "llama-base,emulated,BF16",
    "llama3-base,plain,F32", "llama3-base,cpu,F32", "llama3-base,emulated,BF16",
    "olmo2-base,plain,F32", "olmo2-base,cpu,F32", "olmo2-base,emulated,BF16",
    "llama-retrofit,plain,F32", "llama-retrofit,cpu,F32", "llama-retrofit,emulated,BF16",
    "olmo2-retrofit,plain,F32", "olmo2-retrofit,cpu,F32", "olmo2-retrofit,emulated,BF16",
    "huginn,plain,F32", "huginn,cpu,F32", "huginn,emulated,BF16"
  })
  void logitsStatesAndLossAreTheGoldenOnes(String name, String on, DType type) {
    double within = type == DType.F32 ? 1e-5 : 6e-2;
    var folder = golden(name);
    try (var device = device(on);
        var weights = WeightFiles.load(folder, device);
        var expected = SafetensorsFile.open(folder.resolve("expected.safetensors"))) {
      var ids = expected.require("input_ids");
      try (var forward =
          new Forward(weights, device, (int) ids.shape()[0], (int) ids.shape()[1], type)) {
        device.write(forward.tokens(), ids.readInts());
        forward.start();
        if (!forward.isRecurrent()) {
          assertClose("logits", expected.require("logits").readFloats(), forward.logits(), within);
          return;
        }
        device.write(forward.state(), expected.require("initial_state").readFloats());
        for (int r = 1; r <= 8; r++) {
          forward.recur();
          if (expected.tensors().containsKey("logits_r" + r)) {
            var logits = expected.require("logits_r" + r).readFloats();
            var state = expected.require("state_r" + r).readFloats();
            assertClose("logits_r" + r, logits, forward.logits(), within);
            assertClose("state_r" + r, state, device.floats(forward.state()), within);
          }
        }
        forward.zeroState();
        for (int r = 1; r <= 4; r++) {
          forward.recur();
        }
        device.write(forward.targets(), expected.require("targets").readInts());
        var zero = expected.require("logits_r4_zero").readFloats();
        assertClose("logits_r4_zero", zero, forward.logits(), within);
        assertEquals(number(folder, "loss_r4_zero"), forward.loss().mean(), within);
      }
    }
  }

  private static double number(Path folder, String key) {
    try {
      var text = Files.readString(folder.resolve("expected.json"));
      var found = java.util.regex.Pattern.compile("\"" + key + "\":\\s*([0-9.e-]+)").matcher(text);
      assertTrue(found.find(), key);
      return Double.parseDouble(found.group(1));
    } catch (java.io.IOException e) {
      throw new java.io.UncheckedIOException(e);
    }
  }

  /** Logits after three recurrences from zero, or of a fixed-depth model. */
  private static float[] logits(Weights weights, Device device, int batch, int time, int... ids) {
    try (var forward = new Forward(weights, device, batch, time)) {
      device.write(forward.tokens(), ids);
      forward.start();
      if (forward.isRecurrent()) {
        forward.zeroState();
        for (int r = 0; r < 3; r++) {
          forward.recur();
        }
      }
      return forward.logits();
    }
  }

  @ParameterizedTest(name = "{0} on {1}")
  @CsvSource({
    "llama-retrofit,plain",
    "llama-retrofit,cpu",
    "olmo2-retrofit,cpu",
    "huginn,cpu",
    "llama-tied,plain",
    "llama-tied,cpu"
  })
  void rowsOfABatchDoNotDependOnEachOther(String name, String on) {
    try (var device = device(on);
        var weights = WeightFiles.load(vectors(name), device)) {
      int batch = 5;
      int time = 9;
      var ids = tokens(batch * time);
      var together = logits(weights, device, batch, time, ids);
      for (int row = 0; row < batch; row++) {
        var alone =
            logits(weights, device, 1, time, Arrays.copyOfRange(ids, row * time, (row + 1) * time));
        int from = row * time * VOCABULARY;
        assertClose(
            "row " + row,
            alone,
            Arrays.copyOfRange(together, from, from + time * VOCABULARY),
            2e-6);
      }
    }
  }

  @ParameterizedTest(name = "{0} on {1}")
  @CsvSource({
    "llama-retrofit,plain",
    "llama-retrofit,cpu",
    "olmo2-retrofit,cpu",
    "huginn,cpu",
    "llama-tied,cpu"
  })
  void laterTokensDoNotChangeEarlierLogits(String name, String on) {
    try (var device = device(on);
        var weights = WeightFiles.load(vectors(name), device)) {
      var ids = tokens(12);
      var whole = logits(weights, device, 1, 12, ids);
      for (int time : new int[] {1, 2, 7, 11}) {
        assertClose(
            time + " tokens",
            Arrays.copyOf(whole, time * VOCABULARY),
            logits(weights, device, 1, time, Arrays.copyOf(ids, time)),
            2e-6);
      }
    }
  }

  @ParameterizedTest(name = "on {0}")
  @ValueSource(strings = {"plain", "cpu", "emulated"})
  void readingLogitsAndLossLeavesTheStateAsItIs(String on) {
    try (var device = device(on);
        var weights = WeightFiles.load(vectors("huginn"), device);
        var forward = new Forward(weights, device, 2, 5)) {
      device.write(forward.tokens(), tokens(10));
      device.write(forward.targets(), 1, 2, -100, 4, 5, 6, 7, 8, -100, 10);
      forward.start();
      forward.randomState(3, 4);
      forward.recur();
      var state = device.floats(forward.state());
      var logits = forward.logits();
      var loss = forward.loss();
      assertArrayEquals(state, device.floats(forward.state()));
      assertArrayEquals(logits, forward.logits());
      assertEquals(loss, forward.loss());
      assertEquals(8, loss.tokens());
      assertTrue(Double.isFinite(loss.mean()) && loss.mean() > 0);
    }
  }

  @Test
  void randomStatesFollowFromSeedAndIndexOnEveryDevice() {
    float[] first = noise("plain", 3, 4);
    assertArrayEquals(first, noise("plain", 3, 4));
    assertFalse(Arrays.equals(first, noise("plain", 3, 5)));
    assertFalse(Arrays.equals(first, noise("plain", 4, 4)));
    assertClose("noise", first, noise("cpu", 3, 4), 1e-6);
    double squares = 0;
    double bound = 3 * Math.sqrt(0.4) + 1e-6;
    for (float v : first) {
      assertTrue(Math.abs(v) <= bound, "cut at three deviations: " + v);
      squares += (double) v * v;
    }
    // Truncation leaves 0.98658 of the deviation; five standard errors.
    double expected = 0.98658 * Math.sqrt(0.4);
    assertEquals(
        expected, Math.sqrt(squares / first.length), 5 * expected / Math.sqrt(2.0 * first.length));
  }

  private static float[] noise(String on, long seed, long index) {
    try (var device = device(on);
        var weights = WeightFiles.load(vectors("huginn"), device);
        var forward = new Forward(weights, device, 8, 16)) {
      forward.randomState(seed, index);
      return device.floats(forward.state());
    }
  }

  @Test
  void rowsLongerThanThePositionsAreRefused() {
    for (var name : new String[] {"huginn", "llama-tied"}) {
      try (var device = Device.plain();
          var weights = WeightFiles.load(vectors(name), device)) {
        new Forward(weights, device, 1, 32).close();
        var e =
            assertThrows(IllegalArgumentException.class, () -> new Forward(weights, device, 1, 33));
        assertEquals("rows of 33 tokens exceed the model's 32 positions", e.getMessage());
      }
    }
  }

  @Test
  void memoryIsFreedWhenThereIsNotEnoughOfIt() {
    try (var device = Device.plain();
        var weights = WeightFiles.load(vectors("huginn"), device)) {
      var taken = new ArrayList<Region>();
      Forward.Memory scarce =
          (name, bytes) -> {
            if (name.equals("workspace")) {
              throw new OutOfMemoryError("no room for " + bytes);
            }
            taken.add(device.allocate(name, bytes));
            return taken.getLast();
          };
      assertThrows(
          OutOfMemoryError.class, () -> new Forward(weights, device, 1, 4, DType.F32, scarce));
      var buffer = taken.getFirst().at(0, TensorType.f32(1));
      assertThrows(IllegalStateException.class, () -> device.scalar(buffer, 0), "closed");
    }
  }

  @Test
  void aFixedDepthModelHasNoRecurrence() {
    try (var device = Device.plain();
        var weights = WeightFiles.load(vectors("llama-tied"), device);
        var forward = new Forward(weights, device, 1, 4)) {
      assertFalse(forward.isRecurrent());
      var e = assertThrows(IllegalStateException.class, forward::recur);
      assertEquals("a fixed-depth model has no recurrence", e.getMessage());
    }
  }

  @ParameterizedTest(name = "on {0}")
  @ValueSource(strings = {"plain", "cpu", "emulated"})
  void aTokenOutsideTheVocabularyIsRefused(String on) {
    try (var device = device(on);
        var weights = WeightFiles.load(vectors("huginn"), device);
        var forward = new Forward(weights, device, 1, 3)) {
      device.write(forward.tokens(), 1, VOCABULARY, 2);
      var e =
          assertThrows(
              RuntimeException.class,
              () -> {
                forward.start();
                device.synchronize(); // a GPU looks at tokens only then
              });
      assertTrue(String.valueOf(e.getMessage()).contains("37"), e.getMessage());
    }
  }
}
