package rondo.train;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;
import rondo.data.rows.ReadyBatches;
import rondo.data.tokenizer.Tokenizer;
import rondo.data.tokenizer.Tokenizers;
import rondo.engine.device.Device;
import rondo.engine.device.Region;
import rondo.engine.graph.DType;
import rondo.engine.weights.ParameterLayout;
import rondo.nn.Initializer;
import rondo.nn.Model;
import rondo.nn.WeightFiles;
import rondo.nn.Weights;
import rondo.nn.WorkingWeights;
import rondo.nn.checkpoint.CheckpointException;
import rondo.nn.checkpoint.CheckpointFolder;
import rondo.nn.checkpoint.ConfigReader;
import rondo.nn.checkpoint.ModelConfig;
import rondo.nn.checkpoint.Published;
import rondo.nn.checkpoint.RecurrentConfig;
import rondo.nn.depth.DepthPlan;
import rondo.nn.depth.DepthStep;
import rondo.nn.depth.FixedPlan;
import rondo.nn.depth.FixedStep;
import rondo.nn.depth.TrainingStep;
import rondo.optim.Optimizer;

/** Everything a run holds in memory, sized before the first step and freed together. */
final class Session implements AutoCloseable {
  final Recipe recipe;
  final Device device;
  final Optional<Tokenizer> tokenizer;

  /** The files that go with the weights, by name, as they were at the start. */
  final Map<String, byte[]> companions;

  final Weights weights;
  final WorkingWeights working;
  final @Nullable AveragedWeights average;

  /** What is updated, as its gradients lie. */
  final ParameterLayout trained;

  final Region gradients;
  final TrainingStep step;
  final Optimizer optimizer;
  final ReadyBatches batches;

  /** The {@link Fingerprint} of each part of the training data. */
  final List<String> fingerprints;

  /** The {@link Fingerprint} of the teacher's weights; empty without one. */
  final String teacher;

  /** What there is to remark about the data. */
  final List<String> notes;

  final @Nullable Validation validation;
  private final Owned owned = new Owned();

  /** Frees what it took where it fails half-way. */
  Session(Recipe recipe, Device device, Listener listener) {
    this.recipe = recipe;
    this.device = device;
    if (recipe.activations() == DType.BF16 && !device.hasBf16()) {
      throw new IllegalArgumentException(
          "recipe: precision: bf16: expected f32 on " + device.name() + ": bf16 needs a GPU");
    }
    try {
      var config = config(recipe);
      var distillation = Teacher.of(recipe, config);
      var folder = tokenizerFolder(recipe);
      tokenizer = folder == null ? Optional.empty() : Optional.of(Tokenizers.load(folder));
      companions = tokenizer.map(Tokenizers::files).orElseGet(() -> companions(recipe));
      // Data first: what is wrong with it should be told before anything large is allocated.
      var data = TrainingData.open(recipe, config, tokenizer, listener);
      batches = data.batches();
      fingerprints = data.fingerprints();
      notes = data.notes();
      owned.add(batches::close);
      validation = Validation.of(recipe, config, tokenizer, listener);
      weights = weights(config);
      owned.add(weights::close);
      working = new WorkingWeights(weights, recipe.activations());
      owned.add(working::close);
      average = average(weights);
      var teachers = Teacher.folder(recipe); // once: a run's newest checkpoint moves on
      teacher = teachers == null ? "" : Fingerprint.of(teachers);
      var teaching = teachers == null ? null : teaching(teachers);
      trained = recipe.updates().trained(weights.model());
      gradients = allocate("gradients", trained.bytes());
      var update = StepPlans.update(recipe, weights.layout(), trained);
      var optimizerState = allocate("optimizer", update.stateBytes());
      long updateBytes = update.workspaceBytes();
      var objective = StepPlans.objective(recipe, trained, distillation);
      var pass = StepPlans.pass(recipe, weights.model(), objective);
      var state = allocate("state", pass.stateBytes());
      var workspace = allocate("workspace", Math.max(pass.workspaceBytes(), updateBytes));
      step =
          switch (pass) {
            case FixedPlan p ->
                new FixedStep(device, p, working, gradients, state, workspace, teaching);
            case DepthPlan p ->
                new DepthStep(device, p, working, gradients, state, workspace, teaching);
          };
      optimizer =
          new Optimizer(device, update, weights.region(), gradients, optimizerState, workspace);
    } catch (RuntimeException | Error e) {
      owned.close();
      throw e;
    }
  }

  private @Nullable AveragedWeights average(Weights of) {
    var averaging = recipe.ema();
    if (averaging == null) {
      return null;
    }
    var made = new AveragedWeights(of, averaging);
    owned.add(made::close);
    return made;
  }

  /** The teacher's weights as a pass reads them. */
  private WorkingWeights teaching(Path folder) {
    var read = WeightFiles.load(folder, device);
    owned.add(read::close);
    var made = new WorkingWeights(read, recipe.activations());
    owned.add(made::close);
    return made;
  }

  private Region allocate(String name, long bytes) {
    var region = device.allocate(name, bytes);
    owned.add(region::close);
    return region;
  }

  /** The shape of the model that a recipe trains. */
  static ModelConfig config(Recipe recipe) {
    ModelConfig config;
    if (recipe.preset() != null) {
      config = Published.named(recipe.preset()).config();
    } else if (recipe.randomInit()) {
      var file = model(recipe).resolve(CheckpointFolder.CONFIG);
      config = ConfigReader.read(file, java.util.Set.of());
    } else {
      try (var folder = CheckpointFolder.open(model(recipe))) {
        config = folder.config();
      }
    }
    int time = recipe.data().sequenceLength();
    if (time > config.maxPositions()) {
      throw new IllegalArgumentException(
          "recipe: data.sequence_length: "
              + time
              + ": expected at most the model's "
              + config.maxPositions()
              + " positions");
    }
    // What is saved says what it was trained for.
    return config instanceof RecurrentConfig r
        ? r.withRecurrence(recipe.depth().curriculum().peak(), recipe.depth().backprop().peak())
        : config;
  }

  static Path model(Recipe recipe) {
    return Checkpoints.resolve(java.util.Objects.requireNonNull(recipe.model()));
  }

  private static @Nullable Path tokenizerFolder(Recipe recipe) {
    if (recipe.data().tokenizer() != null) {
      return recipe.data().tokenizer();
    }
    if (recipe.model() != null) {
      var folder = model(recipe);
      if (Files.exists(folder.resolve("tokenizer.json"))) {
        return folder;
      }
    }
    return null;
  }

  /** Those of a model without a tokenizer that can be used here: others may know theirs. */
  private static Map<String, byte[]> companions(Recipe recipe) {
    var found = new TreeMap<String, byte[]>();
    if (recipe.model() != null) {
      var folder = model(recipe);
      for (var name : Tokenizers.FILES) {
        var file = folder.resolve(name);
        try {
          if (Files.exists(file)) {
            found.put(name, Files.readAllBytes(file));
          }
        } catch (IOException e) {
          throw new CheckpointException(
              file, "cannot be read: " + CheckpointException.reason(e), e);
        }
      }
    }
    return found;
  }

  private Weights weights(ModelConfig config) {
    if (recipe.randomInit()) {
      var fresh = Weights.allocate(Model.of(config), device);
      try {
        Initializer.fill(fresh, device, recipe.seed());
      } catch (RuntimeException | Error e) {
        fresh.close();
        throw e;
      }
      return fresh;
    }
    return WeightFiles.load(model(recipe), config, device);
  }

  @Override
  public void close() {
    owned.close();
  }
}
