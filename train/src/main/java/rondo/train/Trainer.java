package rondo.train;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import java.util.concurrent.atomic.AtomicBoolean;
import rondo.data.DocumentSource;
import rondo.data.rows.Packing;
import rondo.engine.device.Device;
import rondo.nn.checkpoint.CheckpointException;
import rondo.optim.OptimizerConfig;

/**
 * The training loop. A run whose folder holds a checkpoint goes on from it, to the same bits as one
 * that was never interrupted (same device and build; any number of threads).
 */
public final class Trainer implements AutoCloseable {
  private final Recipe recipe;
  private final Device device;
  private final Listener listener;
  private final Session session;
  private final Checkpoints checkpoints;
  private final AtomicBoolean stopping = new AtomicBoolean();
  private final int[] tokens;
  private final int[] targets;
  private RunState state;

  /**
   * Loads everything, allocates everything, and finds the place to go on from.
   *
   * @throws IllegalArgumentException when recipe, model or data do not fit together
   * @throws CheckpointException when the folder's checkpoint is of another recipe
   */
  public Trainer(Recipe recipe, Device device, Listener listener) {
    this.recipe = recipe;
    this.device = device;
    this.listener = listener;
    try {
      Files.createDirectories(recipe.out());
    } catch (IOException e) {
      throw new IllegalArgumentException(
          "recipe: out: " + recipe.out() + ": cannot be made: " + e.getMessage(), e);
    }
    session = new Session(recipe, device);
    checkpoints = new Checkpoints(recipe.out());
    int size = recipe.micro() * recipe.data().sequenceLength();
    tokens = new int[size];
    targets = new int[size];
    state = new RunState(0, 0, 0, 0, session.batches.cursor());
    checkpoints.newest(listener::note).ifPresent(this::resume);
    session.weights.notes().forEach(listener::note);
  }

  private void resume(Path folder) {
    var found = Checkpoints.read(folder);
    var differing = new TreeSet<>(found.recipe().keySet());
    differing.addAll(recipe.values().keySet());
    differing.removeIf(key ->
        key.startsWith("checkpoint.")
            || key.equals("out")
            || String.valueOf(found.recipe().get(key))
                .equals(String.valueOf(recipe.values().get(key))));
    if (!differing.isEmpty()) {
      var key = differing.first();
      throw new CheckpointException(
          folder,
          "was written by another recipe: %s was %s and is %s; use another out, or remove it"
              .formatted(key, found.recipe().get(key), recipe.values().get(key)));
    }
    rondo.nn.WeightFiles.load(folder, session.weights);
    Checkpoints.readMoments(folder, session);
    session.batches.seek(found.state().cursor());
    state = found.state();
    listener.note("goes on from " + folder);
    if (!found.environment().equals(environment())) {
      listener.note(
          "not the same bits as before: written on \"%s\", now on \"%s\""
              .formatted(found.environment(), environment()));
    }
  }

  /** What a run's bits depend on besides its recipe: not the number of threads. */
  private String environment() {
    return device.describe().replaceFirst(", \\d+ threads?", "");
  }

  /** Asks a running loop to write a checkpoint after the current step and return. */
  public void stop() {
    stopping.set(true);
  }

  /** Steps taken so far. */
  public long step() {
    return state.step();
  }

  /** Floating-point operations spent so far, recomputation and optimiser included. */
  public double flops() {
    return state.flops();
  }

  /** Runs to the last step, or to {@link #stop}. */
  public void run() {
    long first = state.step();
    listener.started(first, recipe.steps());
    if (first >= recipe.steps()) {
      return;
    }
    try (var metrics = new Metrics(recipe.out(), first);
        var board = new TensorBoard(recipe.out().resolve("tensorboard"), first, now())) {
      while (state.step() < recipe.steps()) {
        var report = takeStep();
        boolean stop = stopping.get();
        boolean whole =
            stop
                || state.step() == recipe.steps()
                || state.step() % recipe.checkpoint().every() == 0;
        var validation = whole ? validate() : List.<LossOverDepth.Row>of();
        metrics.write(report, validation);
        board.scalars(report.step(), now(), scalars(report, validation));
        listener.step(report);
        if (!validation.isEmpty()) {
          listener.validated(report.step(), validation);
        }
        if (whole) { // after its line: a resume cuts the lines back to the checkpoint
          checkpoints.write(session, state, environment());
        }
        if (stop && state.step() < recipe.steps()) {
          listener.note("stopped after step " + state.step() + "; the same command goes on");
          return;
        }
      }
    }
  }

  private static long now() {
    return System.currentTimeMillis();
  }

  private StepReport takeStep() {
    long started = System.nanoTime();
    int mean = recipe.depth().curriculum().mean(state.step());
    var step = session.step;
    device.zero(session.weights.layout().all(session.gradients));
    double loss = 0;
    long frozen = 0;
    long tracked = 0;
    long counted = 0;
    double flops = session.optimizer.flops();
    long micro = state.micro();
    int accumulation = recipe.accumulation();
    for (int i = 0; i < accumulation; i++, micro++) {
      var depth =
          recipe.depth().sampler().draw(mean, recipe.depth().backprop(), recipe.seed(), micro);
      session.batches.next(tokens, targets);
      device.write(step.tokens(), tokens);
      device.write(step.targets(), targets);
      step.run(depth, noiseKey(micro));
      loss += step.loss() / accumulation;
      counted += step.tokensCounted();
      frozen += depth.frozen();
      tracked += depth.tracked();
      flops += step.flops(depth);
    }
    check("loss", loss);
    double factor = recipe.schedule().factor(state.step());
    session.optimizer.update(state.step(), factor);
    double norm = session.optimizer.gradientNorm();
    check("gradient norm", norm);
    double seconds = (System.nanoTime() - started) / 1e9;
    var before = state;
    state =
        new RunState(
            before.step() + 1,
            micro,
            before.tokens() + counted,
            before.flops() + flops,
            session.batches.cursor());
    return new StepReport(
        before.step(),
        recipe.steps(),
        loss,
        norm,
        factor * peak(recipe.optimizer()),
        mean,
        (double) frozen / accumulation,
        (double) tracked / accumulation,
        state.tokens(),
        counted / seconds,
        state.flops());
  }

  /** The noise of each micro-batch is a pure function of the seed and its number. */
  private long noiseKey(long micro) {
    return recipe.seed() * 0x9E3779B97F4A7C15L + micro;
  }

  private static double peak(OptimizerConfig config) {
    return switch (config) {
      case OptimizerConfig.MuonConfig muon -> muon.lr();
      case OptimizerConfig.AdamWConfig adam -> adam.lr();
    };
  }

  private void check(String what, double value) {
    if (!Double.isFinite(value)) {
      throw new TrainingException(
          "step %d: %s is %s; the newest checkpoint is whole: lower the learning rate and resume under another out"
              .formatted(state.step(), what, value));
    }
  }

  /** Loss on the validation rows at 1, 2, 4 … up to the mean recurrence. */
  private List<LossOverDepth.Row> validate() {
    var data = recipe.data();
    if (data.validation() == null) {
      return List.of();
    }
    var depths = new ArrayList<Integer>();
    for (int r = 1; r <= recipe.depth().curriculum().peak(); r *= 2) {
      depths.add(r);
    }
    var part = data.validation();
    var packing =
        Packing.evaluation(
            data.sequenceLength(),
            session.weights.model().config().vocabulary(),
            session.tokenizer);
    var settings =
        new LossOverDepth.Settings(
            depths,
            recipe.micro(),
            data.sequenceLength(),
            data.validationRows(),
            recipe.depth().randomState(),
            recipe.seed());
    var source = DocumentSource.of(part.path(), part.text());
    return LossOverDepth.measure(
        session.weights, device, settings, packing.open(source), rows -> {});
  }

  private static Map<String, Double> scalars(StepReport r, List<LossOverDepth.Row> validation) {
    var values = new LinkedHashMap<String, Double>();
    values.put("loss", r.loss());
    values.put("grad_norm", r.gradNorm());
    values.put("lr", r.lr());
    values.put("mean_recurrence", (double) r.meanRecurrence());
    values.put("tokens_per_second", r.tokensPerSecond());
    validation.forEach(row -> values.put("validation/r" + row.recurrences(), row.loss()));
    return values;
  }

  @Override
  public void close() {
    session.close();
  }
}
