package rondo.nn.depth;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.net.URISyntaxException;
import java.nio.file.Path;
import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import rondo.engine.device.Device;
import rondo.engine.graph.DType;
import rondo.nn.Golden;
import rondo.nn.RecurrentModel;
import rondo.nn.WeightFiles;
import rondo.nn.Weights;
import rondo.nn.WorkingWeights;
import rondo.nn.checkpoint.SafetensorsFile;

/** Decoding with caches against the reference's logits for whole sequences. */
class DecodeStepTest {
  private static Path folder(String name) {
    var found = DecodeStepTest.class.getResource("/vectors/" + name + "/config.json");
    assertTrue(found != null, "no vectors " + name);
    try {
      return Path.of(found.toURI()).resolveSibling("");
    } catch (URISyntaxException e) {
      throw new AssertionError(e);
    }
  }

  @ParameterizedTest(name = "{0} on {1} in {2}")
  @MethodSource("rondo.nn.Golden#recurrentCases")
  void tokenByTokenTheLogitsAreThoseOfTheWholeSequence(String name, String on, DType type) {
    var folder = folder(name);
    try (var device = Golden.device(on);
        var weights = WeightFiles.load(folder, device);
        var expected = SafetensorsFile.open(folder.resolve("expected.safetensors"))) {
      var ids = expected.require("input_ids");
      int time = (int) ids.shape()[1];
      var logits = expected.require("logits_r3").readFloats();
      // Token by token; all at once; and a prompt of all but the last row, then that one alone.
      for (int[] cut : new int[][] {ones(time), {time}, {time - 1, 1}}) {
        var actual = decode(device, weights, expected, cut, type);
        Golden.assertClose(Arrays.toString(cut), logits, actual, Golden.tolerance(type));
      }
    }
  }

  private static int[] ones(int n) {
    var all = new int[n];
    Arrays.fill(all, 1);
    return all;
  }

  /** Logits [batch, time, vocabulary] by steps of so many tokens, which share their caches. */
  private static float[] decode(
      Device device, Weights weights, SafetensorsFile expected, int[] cut, DType type) {
    var ids = expected.require("input_ids");
    var tokens = ids.readInts();
    var states = expected.require("initial_state").readFloats();
    int batch = (int) ids.shape()[0];
    int time = (int) ids.shape()[1];
    var model = (RecurrentModel) weights.model();
    int width = model.config().block().width();
    int vocabulary = model.config().vocabulary();
    var all = new float[batch * time * vocabulary];
    int capacity = time + 3; // slots behind the last row must not be seen
    var any = new DecodePlan(model, batch, 1, capacity, 3, false, type);
    try (var working = new WorkingWeights(weights, type);
        var caches = device.allocate("caches", any.cacheBytes())) {
      int at = 0;
      for (int n : cut) {
        var plan = new DecodePlan(model, batch, n, capacity, 3, false, type);
        assertEquals(any.cacheBytes(), plan.cacheBytes());
        try (var memory = device.allocate("step", plan.stateBytes());
            var workspace = device.allocate("workspace", plan.workspaceBytes())) {
          var step = new DecodeStep(device, plan, working, caches, memory, workspace);
          var first = new int[batch];
          Arrays.fill(first, at);
          step.at(first);
          var ours = new int[batch * n];
          var initial = new float[batch * n * width];
          for (int b = 0; b < batch; b++) {
            System.arraycopy(tokens, b * time + at, ours, b * n, n);
            System.arraycopy(states, (b * time + at) * width, initial, b * n * width, n * width);
          }
          device.write(step.tokens(), ours);
          step.run(0, initial);
          var logits = device.floats(step.logits());
          for (int b = 0; b < batch; b++) {
            System.arraycopy(
                logits, b * n * vocabulary, all, (b * time + at) * vocabulary, n * vocabulary);
          }
          at += n;
        }
      }
    }
    return all;
  }

  @Test
  void sequencesStandWhereTheyAreSaidToStandAndNowhereBehindTheCapacity() {
    var folder = folder("llama-retrofit");
    try (var device = Device.plain();
        var weights = WeightFiles.load(folder, device)) {
      var plan = new DecodePlan((RecurrentModel) weights.model(), 2, 1, 4, 2, true, DType.F32);
      try (var working = new WorkingWeights(weights, DType.F32);
          var caches = device.allocate("caches", plan.cacheBytes());
          var memory = device.allocate("step", plan.stateBytes());
          var workspace = device.allocate("workspace", plan.workspaceBytes())) {
        var step = new DecodeStep(device, plan, working, caches, memory, workspace);
        step.at(3, 0);
        step.run(7);
        for (float x : device.floats(step.logits())) {
          assertTrue(Float.isFinite(x));
        }
        assertThrows(IllegalArgumentException.class, () -> step.at(4, 0));
        assertThrows(IllegalArgumentException.class, () -> step.at(0));
      }
      assertThrows(
          IllegalArgumentException.class,
          () -> new DecodePlan((RecurrentModel) weights.model(), 2, 5, 4, 2, true, DType.F32));
    }
  }
}
