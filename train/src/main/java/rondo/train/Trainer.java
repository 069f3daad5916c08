package rondo.train;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import java.util.concurrent.atomic.AtomicBoolean;
import rondo.engine.device.Device;
import rondo.nn.WeightFiles;
import rondo.nn.checkpoint.CheckpointException;
import rondo.nn.checkpoint.CheckpointFolder;
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
  private final Owned owned = new Owned();
  private final int[] tokens;
  private final int[] targets;
  private RunState state;

  /** A measurement that was given up because the run is to stop. */
  private static final class Stopped extends RuntimeException {
    private static final long serialVersionUID = 1L;
  }

  /**
   * Loads everything, allocates everything, and finds the place to go on from.
   *
   * @throws IllegalArgumentException when recipe, model or data do not fit together, or another
   *     process trains in the same folder
   * @throws CheckpointException when the folder's checkpoint is of another recipe or other data
   */
  public Trainer(Recipe recipe, Device device, Listener listener) {
    this.recipe = recipe;
    this.device = device;
    this.listener = listener;
    prepare(recipe.out());
    try {
      var lock = RunLock.take(recipe.out(), listener::note);
      owned.add(lock::close);
      checkpoints = new Checkpoints(recipe.out());
      checkpoints.removeUnfinished();
      session = new Session(recipe, device);
      owned.add(session::close);
      int size = recipe.micro() * recipe.data().sequenceLength();
      tokens = new int[size];
      targets = new int[size];
      state = new RunState(0, 0, 0, 0, session.batches.cursor());
      checkpoints.newest(listener::note).ifPresent(this::resume);
      session.notes.forEach(listener::note);
      session.weights.notes().forEach(listener::note);
    } catch (RuntimeException | Error e) {
      owned.close();
      throw e;
    }
  }

  /** Makes the folder of a run, which must not be a model's: that would be taken for the result. */
  private static void prepare(Path out) {
    try {
      Files.createDirectories(out);
    } catch (IOException e) {
      throw new IllegalArgumentException(
          "recipe: out: " + out + ": cannot be made: " + CheckpointException.reason(e), e);
    }
    if (Files.exists(out.resolve(CheckpointFolder.CONFIG))) {
      throw new IllegalArgumentException(
          "recipe: out: %s: is a model's folder (it holds %s), expected another one for the run"
              .formatted(out, CheckpointFolder.CONFIG));
    }
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
    if (!found.data().equals(session.fingerprints)) {
      throw new CheckpointException(
          folder,
          "was trained on other data: it was %s and is %s; use another out, or remove it"
              .formatted(found.data(), session.fingerprints));
    }
    WeightFiles.load(folder, session.weights);
    session.working.refresh();
    Checkpoints.readMoments(folder, session);
    session.batches.seek(found.state().cursor());
    state = found.state();
    checkpoints.removeAfter(state.step(), listener::note);
    listener.note("goes on from " + folder);
    if (!found.environment().equals(environment())) {
      listener.note(
          "not the same bits as before: written on \"%s\", now on \"%s\""
              .formatted(found.environment(), environment()));
    }
  }

  /** What a run's bits depend on besides its recipe: not the number of threads. */
  private String environment() {
    var what = device.describe().replaceFirst(", \\d+ threads?", "");
    var build = device.build().isEmpty() ? "" : ", " + device.build();
    return what + build + ", Java " + Runtime.version();
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
    boolean behind =
        session.validation != null && isDue() && Metrics.lackValidation(recipe.out(), first);
    if (first >= recipe.steps() && !behind) {
      return;
    }
    try (var metrics = new Metrics(recipe.out(), first);
        var board = new TensorBoard(recipe.out().resolve("tensorboard"), first, now())) {
      if (behind) {
        catchUp(metrics, board);
      }
      while (state.step() < recipe.steps()) {
        if (step(metrics, board) && state.step() < recipe.steps()) {
          listener.note("stopped after step " + state.step() + "; the same command goes on");
          return;
        }
      }
    }
  }

  /** Whether the step just taken, none at the start, is one that is validated and kept. */
  private boolean isDue() {
    return state.step() > 0
        && (state.step() == recipe.steps() || state.step() % recipe.checkpoint().every() == 0);
  }

  /** Takes a step with all that belongs to it; returns whether it was asked to be the last. */
  private boolean step(Metrics metrics, TensorBoard board) {
    var report = takeStep();
    List<LossOverDepth.Row> validation;
    try {
      validation = isDue() ? validate() : List.of();
    } catch (RuntimeException | Error e) {
      try { // What failed is the measurement: the steps until here are kept.
        metrics.write(report, List.of());
        checkpoints.write(session, state, environment());
      } catch (RuntimeException again) {
        e.addSuppressed(again);
      }
      throw e;
    }
    boolean stop = stopping.get();
    metrics.write(report, validation);
    board.scalars(report.step(), now(), scalars(report));
    listener.step(report);
    tell(report.step(), validation, board);
    if (isDue() || stop) { // after its line: a resume cuts the lines back to the checkpoint
      checkpoints.write(session, state, environment());
    }
    return stop;
  }

  private void tell(long step, List<LossOverDepth.Row> validation, TensorBoard board) {
    if (!validation.isEmpty()) {
      var values = new LinkedHashMap<String, Double>();
      validation.forEach(row -> values.put("validation/r" + row.recurrences(), row.loss()));
      board.scalars(step, now(), values);
      listener.validated(step, validation);
    }
  }

  /**
   * The validation that a stop cut off: with it, the run's lines are those of one never stopped.
   */
  private void catchUp(Metrics metrics, TensorBoard board) {
    var validation = validate();
    if (!validation.isEmpty()) {
      metrics.complete(validation);
      tell(state.step() - 1, validation, board);
    }
  }

  private static long now() {
    return System.currentTimeMillis();
  }

  private StepReport takeStep() {
    long started = System.nanoTime();
    int mean = recipe.depth().curriculum().mean(state.step());
    int backprop = recipe.depth().backprop().most(state.step());
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
      var depth = recipe.depth().sampler().draw(mean, backprop, recipe.seed(), micro);
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
    session.working.refresh();
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

  /** Loss on the validation rows over depth; none where there are no rows or the run is to stop. */
  private List<LossOverDepth.Row> validate() {
    var rows = session.validation;
    try {
      goOn();
      return rows == null ? List.of() : rows.measure(session.weights, device, _ -> goOn());
    } catch (Stopped e) {
      return List.of();
    }
  }

  private void goOn() {
    if (stopping.get()) {
      throw new Stopped();
    }
  }

  private static Map<String, Double> scalars(StepReport r) {
    var values = new LinkedHashMap<String, Double>();
    values.put("loss", r.loss());
    values.put("grad_norm", r.gradNorm());
    values.put("lr", r.lr());
    values.put("mean_recurrence", (double) r.meanRecurrence());
    values.put("tokens_per_second", r.tokensPerSecond());
    return values;
  }

  @Override
  public void close() {
    owned.close();
  }
}
