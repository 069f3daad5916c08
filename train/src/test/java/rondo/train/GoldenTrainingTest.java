package rondo.train;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import rondo.engine.device.Devices;
import rondo.nn.checkpoint.SafetensorsFile;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.ObjectMapper;

/** The golden training cases, step by step, through recipes. */
class GoldenTrainingTest {
  static Stream<Arguments> casesAndDevices() {
    return Stream.of("llama-retrofit", "huginn")
        .flatMap(model ->
            devices().stream()
                .flatMap(device ->
                    device.equals("cpu")
                        ? Stream.of(Arguments.of(model, device, "f32"))
                        : Stream.of("f32", "bf16").map(p -> Arguments.of(model, device, p))));
  }

  /** All that are usable; with -Drondo.gpu=cuda that one alone. */
  private static List<String> devices() {
    var gpu = System.getProperty("rondo.gpu");
    return gpu != null
        ? List.of(gpu)
        : Devices.list().stream().filter(Devices.Report::usable).map(Devices.Report::name).toList();
  }

  @ParameterizedTest(name = "{0} on {1} in {2}")
  @MethodSource("casesAndDevices")
  void aRecipeGivesTheGoldenLossesNormsAndSplits(
      String model, String deviceName, String precision, @TempDir Path folder) throws Exception {
    var root = Shared.file("golden");
    var training = root.resolve(model + "-training");
    var expected = new ObjectMapper().readTree(Files.readString(training.resolve("expected.json")));
    var recipe = folder.resolve("recipe.yaml");
    Files.writeString(
        recipe, recipe(expected.path("hyper"), root.resolve(model), folder, precision));
    try (var tensors = SafetensorsFile.open(training.resolve("expected.safetensors"));
        var device = Devices.open(deviceName, 2)) {
      writeRows(tensors, folder.resolve("rows.jsonl"));
      var reports = new ArrayList<StepReport>();
      try (var trainer =
          new Trainer(Recipe.read(recipe, List.of()), device, new Reports(reports))) {
        trainer.run();
      }
      // Rounding to 8 bits moves a loss by a hundredth, as the golden files expect.
      double factor = precision.equals("f32") ? 1 : 200;
      check(expected.path("steps"), reports, expected.path("hyper"), factor);
      try (var written = SafetensorsFile.open(folder.resolve("run/step-12/model.safetensors"))) {
        for (var name : tensors.tensors().keySet()) {
          if (name.startsWith("final.")) {
            var parameter = name.substring("final.".length());
            double error =
                Shared.relative(
                    written.require(parameter).readFloats(), tensors.require(name).readFloats());
            assertTrue(
                error < 1e-3 * Math.min(factor, 100), parameter + ": relative error " + error);
          }
        }
      }
    }
  }

  private static void check(
      JsonNode steps, List<StepReport> reports, JsonNode hyper, double factor) {
    assertEquals(steps.size(), reports.size());
    for (int i = 0; i < reports.size(); i++) {
      var want = steps.get(i);
      var got = reports.get(i);
      assertEquals(want.path("loss").asDouble(), got.loss(), 1e-4 * factor, "loss of step " + i);
      double norm = want.path("grad_norm").asDouble();
      assertEquals(norm, got.gradNorm(), Math.min(0.1, 1e-3 * factor) * norm, "norm of step " + i);
      double lr = want.path("lr_factor").asDouble() * hyper.path("muon_lr").asDouble();
      assertEquals(lr, got.lr(), 1e-9, "lr of step " + i);
      assertEquals(want.path("mean_recurrence").asInt(), got.meanRecurrence());
      assertEquals(want.path("no_grad").asDouble(), got.frozen());
      assertEquals(want.path("grad").asDouble(), got.tracked());
    }
  }

  private static void writeRows(SafetensorsFile tensors, Path file) throws Exception {
    var tokens = tensors.require("tokens");
    int width = (int) tokens.shape()[2];
    var ids = tokens.readInts();
    var lines = new StringBuilder();
    for (int row = 0; row < ids.length / width; row++) {
      var one = new ArrayList<Integer>();
      for (int i = 0; i < width; i++) {
        one.add(ids[row * width + i]);
      }
      lines.append("{\"input_ids\": ").append(one).append("}\n");
    }
    Files.writeString(file, lines);
  }

  private static String recipe(JsonNode h, Path model, Path folder, String precision) {
    return """
    model: %s
    out: %s/run
    data:
      train: [{path: %s/rows.jsonl}]
      sequence_length: 12
      shuffle: false
    batch: {sequences: 2}
    steps: %s
    depth:
      mean: %s
      backprop: %s
      sampler: fixed
      state: zero
      curriculum: {curve: 1-sqrt, steps: %s}
    optimizer:
      name: muon
      lr: %s
      weight_decay: %s
      momentum: %s
      newton_schulz: {steps: 5, precision: f32}
      adamw: {lr: %s, betas: [0.9, 0.95], eps: %s, weight_decay: %s}
    schedule: {warmup: {steps: %s}, decay: {steps: %s}, curve: cosine, min_ratio: %s}
    clip: %s
    precision: %s
    """
        .formatted(
            model,
            folder,
            folder,
            h.path("total_steps"),
            h.path("mean_recurrence_peak"),
            h.path("backprop_depth"),
            h.path("mean_recurrence_warmup_steps"),
            h.path("muon_lr"),
            h.path("muon_weight_decay"),
            h.path("muon_momentum"),
            h.path("adamw_lr"),
            h.path("adamw_eps"),
            h.path("adamw_weight_decay"),
            h.path("warmup_steps"),
            h.path("decay_steps"),
            h.path("min_lr_ratio"),
            h.path("max_grad_norm"),
            precision);
  }
}
