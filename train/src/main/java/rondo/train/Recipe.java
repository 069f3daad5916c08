package rondo.train;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;
import rondo.data.rows.Chat;
import rondo.engine.graph.DType;
import rondo.nn.depth.DepthSampler;
import rondo.nn.depth.Keep;
import rondo.optim.BackpropSchedule;
import rondo.optim.Curriculum;
import rondo.optim.OptimizerConfig;
import rondo.optim.Schedule;

/**
 * One training run, fully described.
 *
 * @param model folder of the model, or null with a preset
 * @param preset published shape to start from at random, or null
 * @param randomInit whether weights start at random instead of being read
 * @param out folder of checkpoints and metrics
 * @param micro rows of a pass, a divisor of {@code sequences}; 0 for the most that memory allows
 * @param memory bytes that the run may take, where {@code micro} is 0; 0 for what the device has
 * @param z weight of the z-loss
 * @param clip global gradient norm; 0 for no clipping
 * @param activations f32 or bf16; masters, moments and gradients are f32
 * @param ema of the weights, or null
 * @param distill what a teacher adds to the loss, or null
 * @param nonFinite what happens to a step whose loss or gradient is infinite or no number
 * @param values everything as written, flat, for comparison at a resume
 */
public record Recipe(
    @Nullable Path model,
    @Nullable String preset,
    boolean randomInit,
    Path out,
    Data data,
    int sequences,
    int micro,
    long memory,
    int steps,
    DepthPolicy depth,
    OptimizerConfig optimizer,
    UpdatePolicy updates,
    double z,
    Schedule schedule,
    double clip,
    DType activations,
    CheckpointPolicy checkpoint,
    @Nullable Averaging ema,
    @Nullable Distill distill,
    NonFinite nonFinite,
    long seed,
    Map<String, String> values) {

  /**
   * A part of the training data.
   *
   * @param text column of the text, where it is not the default
   */
  public record Part(Path path, double weight, Optional<String> text) {}

  /** In which order the rows of a part come. */
  public enum Shuffle {
    /** Any row of the part after any other, another order each pass. */
    ROWS,
    /** Rows mixed within windows from anywhere in packed shards, another order each pass. */
    SHARDS,
    /** As they lie in the files. */
    NONE
  }

  /**
   * What is trained on.
   *
   * @param validation what the loss is measured on, or null
   * @param tokenizer folder of the tokenizer, where it is not the model's
   * @param chat how conversations are written out, where there are some
   */
  public record Data(
      List<Part> train,
      @Nullable Held validation,
      int sequenceLength,
      Shuffle shuffle,
      @Nullable Path tokenizer,
      Optional<Chat> chat) {}

  /**
   * What the loss is measured on.
   *
   * @param rows at most
   * @param recurrences increasing; empty for 1, 2, 4 … up to the mean
   * @param every steps between measurements; the last step always gets one
   */
  public record Held(Part part, int rows, List<Integer> recurrences, int every) {
    public Held {
      recurrences = List.copyOf(recurrences);
    }
  }

  /**
   * An exponential moving average of the weights.
   *
   * @param decay how much of the average stays each time
   * @param every steps between the weights that it takes in
   */
  public record Averaging(double decay, int every) {}

  /**
   * A teacher, as {@link rondo.nn.depth.Distillation} has it.
   *
   * @param model its folder
   */
  public record Distill(Path model, double weight, double temperature) {}

  /** What happens to a step whose loss or gradient is infinite or no number. */
  public enum NonFinite {
    /** The run ends; the state before the step is kept. */
    STOP,
    /** The update is left out, and the run goes on. */
    SKIP
  }

  /**
   * How depth is drawn.
   *
   * @param backprop most recurrences that are tracked, over the steps
   * @param randomState whether the initial state is noise; else zero
   */
  public record DepthPolicy(
      Curriculum curriculum,
      BackpropSchedule backprop,
      DepthSampler sampler,
      boolean randomState,
      Keep keep) {
    /** Most recurrences that any draw of the run tracks. */
    public int mostTracked() {
      return sampler.mostTracked(curriculum.peak(), backprop.least(), backprop.peak());
    }
  }

  /**
   * When the run's state is written.
   *
   * @param every steps between checkpoints; the last step always gets one
   * @param keep newest ones that are kept
   */
  public record CheckpointPolicy(int every, int keep) {}

  /** The same with the rows of a pass chosen; the values stay as they were written. */
  public Recipe withMicro(int chosen) {
    return new Recipe(
        model,
        preset,
        randomInit,
        out,
        data,
        sequences,
        chosen,
        memory,
        steps,
        depth,
        optimizer,
        updates,
        z,
        schedule,
        clip,
        activations,
        checkpoint,
        ema,
        distill,
        nonFinite,
        seed,
        values);
  }

  /** Sequences of one optimiser step over sequences of one pass. */
  public int accumulation() {
    return sequences / micro;
  }

  /**
   * Reads a YAML recipe.
   *
   * @param overrides {@code key.path=value}, applied in order
   * @throws IllegalArgumentException in one line: what, where, what was expected
   */
  public static Recipe read(Path file, List<String> overrides) {
    return read(file, overrides, path -> path);
  }

  /**
   * As {@link #read(Path, List)}, of models that need not be folders here.
   *
   * @param models from what the recipe calls a model to its folder; {@link #values} keep the name
   */
  public static Recipe read(Path file, List<String> overrides, UnaryOperator<Path> models) {
    if (!Files.isRegularFile(file)) {
      throw new IllegalArgumentException("recipe: " + file + ": no such file");
    }
    return RecipeReader.read(RecipeYaml.read(file, overrides), models);
  }

  /** The optimiser of a recipe that says nothing of it: as the published retrofits have it. */
  public static OptimizerConfig defaultOptimizer() {
    return OptimizerReader.config(new Section("optimizer", Map.of()));
  }

  /**
   * A recipe without a file: {@code key.path=value}, applied in order.
   *
   * @throws IllegalArgumentException in one line: what, where, what was expected
   */
  public static Recipe of(List<String> settings) {
    return RecipeReader.read(RecipeYaml.of(settings), path -> path);
  }

  /** f32 or bf16. */
  static DType precision(String word) {
    return word.equals("bf16") ? DType.BF16 : DType.F32;
  }
}
