package rondo.nn;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.net.URISyntaxException;
import java.nio.file.Path;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import rondo.engine.device.Device;
import rondo.engine.device.Region;
import rondo.engine.graph.DType;
import rondo.nn.checkpoint.SafetensorsFile;
import rondo.nn.depth.Depth;
import rondo.nn.depth.DepthPlan;
import rondo.nn.depth.DepthStep;
import rondo.nn.depth.FixedPlan;
import rondo.nn.depth.FixedStep;
import rondo.nn.depth.Keep;
import rondo.nn.depth.TrainingStep;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * Small models against the project's own float64 reference, {@code scripts/make_vectors.py}: odd
 * widths, grouped heads, scaled rotary frequencies, ignored targets.
 */
class VectorsTest {
  private static Path folder(String name) {
    var found = VectorsTest.class.getResource("/vectors/" + name + "/config.json");
    assertTrue(found != null, "no vectors " + name);
    try {
      return Path.of(found.toURI()).resolveSibling("");
    } catch (URISyntaxException e) {
      throw new AssertionError(e);
    }
  }

  @ParameterizedTest(name = "{0} on {1}")
  @CsvSource({
    "llama-retrofit,plain", "llama-retrofit,cpu", "llama-retrofit,emulated",
    "olmo2-retrofit,plain", "olmo2-retrofit,cpu", "olmo2-retrofit,emulated",
    "huginn,plain", "huginn,cpu", "huginn,emulated"
  })
  void recurrentModelsAgreeWithTheReference(String name, String on) {
    var folder = folder(name);
    try (var device = Golden.device(on);
        var weights = WeightFiles.load(folder, device);
        var expected = SafetensorsFile.open(folder.resolve("expected.safetensors"))) {
      var ids = expected.require("input_ids");
      int batch = (int) ids.shape()[0];
      int time = (int) ids.shape()[1];
      var start = expected.require("initial_state").readFloats();
      var actual =
          new Unrolled(device, weights, batch, time, DType.F32).recur(ids.readInts(), start, 3);
      for (var what : new String[] {"state_r1", "logits_r1", "state_r3", "logits_r3"}) {
        Golden.assertClose(
            what, expected.require(what).readFloats(), Golden.of(actual, what), Golden.TOLERANCE);
      }

      var numbers = JsonMapper.shared().readTree(folder.resolve("expected.json").toFile());
      var depth = new Depth(numbers.get("frozen").asInt(), numbers.get("tracked").asInt());
      float[] first = null;
      for (var keep : Keep.values()) {
        var plan =
            new DepthPlan(
                (RecurrentModel) weights.model(),
                batch,
                time,
                depth.tracked(),
                keep,
                false,
                1,
                DType.F32);
        try (var working = new WorkingWeights(weights, DType.F32);
            var gradients = device.allocate("gradients", weights.layout().bytes());
            var state = device.allocate("state", plan.stateBytes());
            var workspace = device.allocate("workspace", plan.workspaceBytes())) {
          var step = new DepthStep(device, plan, working, gradients, state, workspace);
          fill(device, step, expected);
          step.run(depth, 0, start);
          assertStep(device, step, weights, gradients, numbers);
          // What is computed again comes out the same, to the bit.
          var all = device.floats(weights.layout().all(gradients));
          first = first == null ? all : first;
          assertArrayEquals(first, all, keep.toString());
        }
      }
    }
  }

  @ParameterizedTest(name = "on {0}")
  @ValueSource(strings = {"plain", "cpu", "emulated"})
  void aTiedFixedDepthModelAgreesWithTheReference(String on) {
    var folder = folder("llama-tied");
    try (var device = Golden.device(on);
        var weights = WeightFiles.load(folder, device);
        var expected = SafetensorsFile.open(folder.resolve("expected.safetensors"))) {
      var ids = expected.require("input_ids");
      int batch = (int) ids.shape()[0];
      int time = (int) ids.shape()[1];
      Golden.assertClose(
          "logits",
          expected.require("logits").readFloats(),
          new Unrolled(device, weights, batch, time, DType.F32).logits(ids.readInts()),
          Golden.TOLERANCE);
      var numbers = JsonMapper.shared().readTree(folder.resolve("expected.json").toFile());
      var plan = new FixedPlan((FixedModel) weights.model(), batch, time, 1, DType.F32);
      try (var working = new WorkingWeights(weights, DType.F32);
          var gradients = device.allocate("gradients", weights.layout().bytes());
          var state = device.allocate("state", plan.stateBytes());
          var workspace = device.allocate("workspace", plan.workspaceBytes())) {
        var step = new FixedStep(device, plan, working, gradients, state, workspace);
        fill(device, step, expected);
        step.run(new Depth(0, 1), 0);
        assertStep(device, step, weights, gradients, numbers);
      }
    }
  }

  private static void fill(Device device, TrainingStep step, SafetensorsFile expected) {
    device.write(step.tokens(), expected.require("input_ids").readInts());
    device.write(step.targets(), expected.require("targets").readInts());
  }

  private static void assertStep(
      Device device, TrainingStep step, Weights weights, Region gradients, JsonNode numbers) {
    assertEquals(numbers.get("loss").asDouble(), step.loss(), 1e-5, "loss");
    assertEquals(11, step.tokensCounted());
    assertEquals(numbers.get("gradients").size(), weights.model().parameters().size());
    double squares = 0;
    for (var p : weights.model().parameters()) {
      var gradient = device.floats(weights.layout().of(p, gradients));
      double norm = 0;
      double along = 0;
      for (int i = 0; i < gradient.length; i++) {
        norm += (double) gradient[i] * gradient[i];
        along += gradient[i] * Math.sin(i + 1);
      }
      squares += norm;
      var expected = numbers.get("gradients").get(p.name());
      assertTrue(expected != null, p.name());
      double expectedNorm = expected.get(0).asDouble();
      assertEquals(expectedNorm, Math.sqrt(norm), 1e-5 * expectedNorm, p.name());
      double length = Math.sqrt(gradient.length / 2.0);
      assertEquals(
          expected.get(1).asDouble(), along, 1e-5 * expectedNorm * length, p.name() + " along");
    }
    double expectedNorm = numbers.get("grad_norm").asDouble();
    assertEquals(expectedNorm, Math.sqrt(squares), 1e-5 * expectedNorm, "norm of all");
  }
}
