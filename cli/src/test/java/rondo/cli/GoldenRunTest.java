package rondo.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assumptions.assumeTrue;
import static rondo.cli.Called.rondo;
import static rondo.cli.Called.shared;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import rondo.engine.device.Devices;
import rondo.nn.checkpoint.SafetensorsFile;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** {@code rondo train} on recipes whose losses an independent implementation has computed. */
class GoldenRunTest {
  @TempDir Path folder;

  @ParameterizedTest(name = "{0} on {1}")
  @CsvSource({"llama-retrofit,cpu", "huginn,cpu", "llama-retrofit,emulated", "huginn,emulated"})
  void aRecipeGivesTheGoldenLossesStepByStep(String model, String on) throws IOException {
    assumeTrue(
        Devices.list().stream().anyMatch(d -> d.name().equals(on) && d.usable()),
        on + " cannot be used here");
    var training = shared("golden", model + "-training");
    var expected = JsonMapper.shared().readTree(training.resolve("expected.json").toFile());
    writeRows(training.resolve("expected.safetensors"));
    var h = expected.path("hyper");
    var recipe =
        Files.writeString(
            folder.resolve("recipe.yaml"),
            """
            model: %s
            out: %s
            data: {train: [{path: %s}], sequence_length: 12, shuffle: false}
            batch: {sequences: 2}
            depth: {sampler: fixed, state: zero, curriculum: {curve: 1-sqrt}}
            optimizer:
              newton_schulz: {steps: 5, precision: f32}
              adamw: {betas: [0.9, 0.95]}
            schedule: {curve: cosine}
            """
                .formatted(
                    shared("golden", model), folder.resolve("run"), folder.resolve("rows.jsonl")));
    var steps = expected.path("steps");
    var json =
        rondo(
                "train",
                recipe,
                "--json",
                "--device",
                on,
                set("steps", h, "total_steps"),
                set("depth.mean", h, "mean_recurrence_peak"),
                set("depth.backprop", h, "backprop_depth"),
                set("depth.curriculum.steps", h, "mean_recurrence_warmup_steps"),
                set("optimizer.lr", h, "muon_lr"),
                set("optimizer.weight_decay", h, "muon_weight_decay"),
                set("optimizer.momentum", h, "muon_momentum"),
                set("optimizer.adamw.lr", h, "adamw_lr"),
                set("optimizer.adamw.eps", h, "adamw_eps"),
                set("optimizer.adamw.weight_decay", h, "adamw_weight_decay"),
                set("schedule.warmup.steps", h, "warmup_steps"),
                set("schedule.decay.steps", h, "decay_steps"),
                set("schedule.min_ratio", h, "min_lr_ratio"),
                set("clip", h, "max_grad_norm"))
            .json();
    assertEquals(steps.size(), json.path("step").asInt());
    var lines = Files.readAllLines(folder.resolve("run/metrics.jsonl"));
    assertEquals(steps.size(), lines.size());
    for (int i = 0; i < lines.size(); i++) {
      var want = steps.get(i);
      var line = JsonMapper.shared().readTree(lines.get(i));
      assertEquals(i, line.path("step").asInt());
      assertEquals(want.path("loss").asDouble(), line.path("loss").asDouble(), 1e-4, "step " + i);
      double norm = want.path("grad_norm").asDouble();
      assertEquals(norm, line.path("grad_norm").asDouble(), 1e-3 * norm, "step " + i);
      assertEquals(want.path("no_grad").asInt(), line.path("frozen").asInt(), "step " + i);
      assertEquals(want.path("grad").asInt(), line.path("tracked").asInt(), "step " + i);
    }
  }

  private static String set(String key, JsonNode hyper, String name) {
    return key + "=" + hyper.path(name);
  }

  private void writeRows(Path tensors) throws IOException {
    try (var file = SafetensorsFile.open(tensors)) {
      var tokens = file.require("tokens");
      int width = (int) tokens.shape()[2];
      var ids = tokens.readInts();
      var lines = new StringBuilder();
      for (int from = 0; from < ids.length; from += width) {
        var row = new ArrayList<Integer>();
        for (int i = 0; i < width; i++) {
          row.add(ids[from + i]);
        }
        lines.append("{\"input_ids\": ").append(row).append("}\n");
      }
      Files.writeString(folder.resolve("rows.jsonl"), lines);
    }
  }
}
