package rondo.nn;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import rondo.engine.device.Device;
import rondo.engine.device.Region;
import rondo.engine.graph.DType;
import rondo.nn.checkpoint.SafetensorsFile;
import rondo.nn.depth.Depth;
import rondo.nn.depth.DepthPlan;
import rondo.nn.depth.DepthStep;
import rondo.nn.depth.Keep;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** Loss and every gradient of truncated backpropagation through depth, against golden values. */
class GoldenStepTest {
  /** What one step leaves. */
  private record Result(float loss, long counted, Map<String, float[]> gradients) {
    double norm() {
      return Math.sqrt(
          gradients.values().stream()
              .flatMap(g -> Stream.iterate(0, i -> i < g.length, i -> i + 1).map(i -> g[i]))
              .mapToDouble(x -> (double) x * x)
              .sum());
    }
  }

  @ParameterizedTest(name = "{0} on {1} in {2}")
  @MethodSource("rondo.nn.Golden#recurrentCases")
  void lossAndEveryGradientAreTheGoldenOnes(String name, String on, DType type) {
    var folder = Golden.folder(name);
    try (var device = Golden.device(on);
        var expected = SafetensorsFile.open(folder.resolve("expected.safetensors"));
        var weights = WeightFiles.load(folder, device)) {
      var numbers = JsonMapper.shared().readTree(folder.resolve("expected.json").toFile());
      var result = run(device, weights, expected, numbers, Keep.STATE, type);
      assertEquals(numbers.get("loss").asDouble(), result.loss, Golden.tolerance(type));
      assertEquals(
          1, result.norm() / numbers.get("grad_norm").asDouble(), Golden.tolerance(type), "norm");
      assertEquals(
          expected.tensors().keySet().stream().filter(n -> n.startsWith("grad.")).count(),
          result.gradients.size());
      result.gradients.forEach((parameter, gradient) ->
          Golden.assertClose(
              parameter,
              expected.require("grad." + parameter).readFloats(),
              gradient,
              Golden.gradientTolerance(type)));

      var kept = run(device, weights, expected, numbers, Keep.ALL, type);
      assertEquals(result.loss, kept.loss, "loss with everything kept");
      result.gradients.forEach((parameter, gradient) ->
          assertArrayEquals(gradient, Golden.of(kept.gradients, parameter), parameter));
    }
  }

  @ParameterizedTest(name = "{0} on {1}")
  @CsvSource({
    "llama-retrofit,plain",
    "olmo2-retrofit,cpu",
    "olmo2-retrofit,emulated",
    "huginn,cpu",
    "huginn,emulated"
  })
  void gradientsAddUpOverMicroBatches(String name, String on) {
    var folder = Golden.folder(name);
    try (var device = Golden.device(on);
        var expected = SafetensorsFile.open(folder.resolve("expected.safetensors"));
        var weights = WeightFiles.load(folder, device)) {
      var ids = expected.require("input_ids");
      var model = (RecurrentModel) weights.model();
      int batch = (int) ids.shape()[0];
      int time = (int) ids.shape()[1];
      var plan = new DepthPlan(model, batch, time, 4, Keep.STATE, false, 0.5f, DType.F32);
      try (var bound = new Bound(device, plan, weights, DType.F32)) {
        device.write(bound.step.tokens(), ids.readInts());
        device.write(bound.step.targets(), expected.require("targets").readInts());
        var start = expected.require("initial_state").readFloats();
        // Fewer tracked recurrences than planned, twice at half the scale.
        bound.step.run(new Depth(3, 2), 0, start);
        bound.step.run(new Depth(3, 2), 0, start);
        for (var p : model.parameters()) {
          Golden.assertClose(
              p.name(),
              expected.require("grad." + p.name()).readFloats(),
              device.floats(weights.layout().of(p, bound.gradients)),
              Golden.TOLERANCE);
        }
      }
    }
  }

  private static Result run(
      Device device,
      Weights weights,
      SafetensorsFile expected,
      JsonNode numbers,
      Keep keep,
      DType type) {
    var ids = expected.require("input_ids");
    var depth = new Depth(numbers.get("no_grad_steps").asInt(), numbers.get("grad_steps").asInt());
    var model = (RecurrentModel) weights.model();
    var plan =
        new DepthPlan(
            model,
            (int) ids.shape()[0],
            (int) ids.shape()[1],
            depth.tracked(),
            keep,
            false,
            1,
            type);
    try (var bound = new Bound(device, plan, weights, type)) {
      device.write(bound.step.tokens(), ids.readInts());
      device.write(bound.step.targets(), expected.require("targets").readInts());
      bound.step.run(depth, 0, expected.require("initial_state").readFloats());
      var gradients = new LinkedHashMap<String, float[]>();
      for (var p : model.parameters()) {
        gradients.put(p.name(), device.floats(weights.layout().of(p, bound.gradients)));
      }
      return new Result(bound.step.loss(), bound.step.tokensCounted(), gradients);
    }
  }

  /** A plan with memory of its own. */
  private static final class Bound implements AutoCloseable {
    final WorkingWeights working;
    final Region gradients;
    final Region state;
    final Region workspace;
    final DepthStep step;

    Bound(Device device, DepthPlan plan, Weights weights, DType type) {
      working = new WorkingWeights(weights, type);
      gradients = device.allocate("gradients", weights.layout().bytes());
      state = device.allocate("state", plan.stateBytes());
      workspace = device.allocate("workspace", plan.workspaceBytes());
      step = new DepthStep(device, plan, working, gradients, state, workspace);
    }

    @Override
    public void close() {
      working.close();
      gradients.close();
      state.close();
      workspace.close();
    }
  }
}
