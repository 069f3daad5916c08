package rondo.train;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.SplittableRandom;
import rondo.engine.device.Device;
import rondo.nn.Initializer;
import rondo.nn.Model;
import rondo.nn.WeightFiles;
import rondo.nn.Weights;
import rondo.nn.checkpoint.ConfigReader;
import rondo.nn.checkpoint.SafetensorsFile;

/** A run of a few steps on a tiny random model, as files. */
final class TinyRun {
  static final int STEPS = 12;

  final Path folder;
  final Path recipe;

  /** Writes model shape, rows and recipe into a folder. */
  TinyRun(Path folder) throws IOException {
    this.folder = folder;
    recipe = folder.resolve("recipe.yaml");
    Files.createDirectories(folder.resolve("shape"));
    Files.writeString(folder.resolve("shape/config.json"), CONFIG);
    Files.writeString(folder.resolve("rows.jsonl"), rows(40, 9, 23, 5));
    Files.writeString(recipe, RECIPE.replace("FOLDER", folder.toString()));
  }

  static String rows(int count, int length, int vocabulary, long seed) {
    var random = new SplittableRandom(seed);
    var text = new StringBuilder();
    for (int i = 0; i < count; i++) {
      var row = new ArrayList<Integer>();
      for (int j = 0; j < length; j++) {
        row.add(random.nextInt(vocabulary));
      }
      text.append("{\"input_ids\": ").append(row).append("}\n");
    }
    return text.toString();
  }

  /** A fixed-depth model at random, with the vocabulary of these runs, written as a folder. */
  static Path teacher(Path folder) throws IOException {
    Files.createDirectories(folder);
    Files.writeString(folder.resolve("config.json"), FIXED);
    var config = ConfigReader.read(folder.resolve("config.json"), Set.of());
    try (var device = Device.plain();
        var weights = Weights.allocate(Model.of(config), device)) {
      Initializer.fill(weights, device, 3);
      WeightFiles.save(weights, folder, WeightFiles.Precision.F32);
    }
    return folder;
  }

  Path out() {
    return folder.resolve("run");
  }

  /** Collects notes, and throws at a step; never at -1. */
  static Listener listening(List<String> notes, long killed) {
    return new Listener() {
      @Override
      public void note(String line) {
        notes.add(line);
      }

      @Override
      public void started(long step, long steps) {}

      @Override
      public void step(StepReport report) {
        if (report.step() == killed) {
          throw new IllegalStateException("killed");
        }
      }
    };
  }

  /** Runs to the end, or until the listener throws. */
  List<StepReport> run(Device device, List<String> overrides, Listener listener) {
    var reports = new ArrayList<StepReport>();
    var both =
        new Listener() {
          @Override
          public void note(String line) {
            listener.note(line);
          }

          @Override
          public void started(long step, long steps) {
            listener.started(step, steps);
          }

          @Override
          public void step(StepReport report) {
            reports.add(report);
            listener.step(report);
          }

          @Override
          public void validated(long step, List<LossOverDepth.Row> rows) {
            listener.validated(step, rows);
          }
        };
    try (var trainer = new Trainer(Recipe.read(recipe, overrides), device, both)) {
      trainer.run();
    }
    return reports;
  }

  List<StepReport> run(Device device) {
    return run(device, List.of(), Listener.none());
  }

  /** All weights after the last step. */
  static List<float[]> weights(Path out) {
    try (var file =
        SafetensorsFile.open(out.resolve("step-" + STEPS).resolve("model.safetensors"))) {
      return file.tensors().values().stream().map(t -> t.readFloats()).toList();
    }
  }

  /** A model of fixed depth with the same vocabulary. */
  static final String FIXED =
      """
      {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": 24,
       "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 6, "intermediate_size": 40,
       "num_hidden_layers": 3, "vocab_size": 23, "rms_norm_eps": 1e-5, "rope_theta": 10000.0,
       "tie_word_embeddings": false, "max_position_embeddings": 16, "hidden_act": "silu",
       "torch_dtype": "float32"}
      """;

  private static final String CONFIG =
      """
      {"architectures": ["RavenForCausalLM"], "model_type": "huginn_raven", "n_embd": 24,
       "n_heads": 4, "num_key_value_heads": 2, "head_dim": 6, "intermediate_size": 40,
       "n_layers": 4, "n_layers_in_prelude": 1, "n_layers_in_recurrent_block": 2,
       "n_layers_in_coda": 1, "vocab_size": 23, "padded_vocab_size": 23, "norm_eps": 1e-5,
       "rope_theta": 10000.0, "tie_embeddings": false, "qk_bias": false, "bias": false,
       "mean_recurrence": 4, "mean_backprop_depth": 2, "block_size": 16,
       "max_position_embeddings": 16, "init_values": {"embed_scale": 1.0, "std": 0.0087},
       "torch_dtype": "float32"}
      """;

  private static final String RECIPE =
      """
      model: FOLDER/shape
      init: random
      out: FOLDER/run
      data:
        train: [{path: FOLDER/rows.jsonl}]
        sequence_length: 8
      batch: {sequences: 4}
      steps: 12
      depth: {mean: 4, backprop: 2, curriculum: {curve: 1-sqrt, fraction: 0.5}}
      optimizer: {lr: 0.01, adamw: {lr: 0.003, eps: 1e-8}}
      checkpoint: {every: 3, keep: 3}
      seed: 7
      """;
}
