package rondo.train;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;
import rondo.engine.device.Device;
import rondo.nn.FixedModel;
import rondo.nn.Model;
import rondo.nn.checkpoint.CheckpointException;
import rondo.nn.checkpoint.CheckpointFolder;

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
  private final AtomicReference<@Nullable String> stopping = new AtomicReference<>();
  private final Owned owned = new Owned();
  private final StepRunner steps;
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
  public Trainer(Recipe written, Device device, Listener listener) {
    this.device = device;
    this.listener = listener;
    prepare(written.out());
    try {
      var lock = RunLock.take(written.out(), listener::note);
      owned.add(lock::close);
      checkpoints = new Checkpoints(written.out());
      checkpoints.removeUnfinished();
      var saved = checkpoints.newest(listener::note).map(SavedRun::read);
      recipe = written.micro() > 0 ? written : sized(written, saved);
      session = new Session(recipe, device, listener);
      owned.add(session::close);
      steps = new StepRunner(session, listener::note);
      state = RunState.first(session.batches.cursor());
      saved.ifPresent(this::resume);
      session.notes.forEach(listener::note);
      session.weights.notes().forEach(listener::note);
      if (session.weights.model() instanceof FixedModel
          && recipe.values().keySet().stream().anyMatch(key -> key.startsWith("depth."))) {
        listener.note("depth: ignored: the model has a fixed depth");
      }
    } catch (RuntimeException | Error e) {
      owned.close();
      throw e;
    }
  }

  /**
   * The rows of a pass, which decide a run's bits: those of before, or as many as there is room.
   */
  private Recipe sized(Recipe written, Optional<SavedRun> saved) {
    int before = saved.map(SavedRun::microBatch).orElse(0);
    if (before > 0 && written.sequences() % before == 0) {
      listener.note("batch.micro: auto is %d, as before".formatted(before));
      return written.withMicro(before);
    }
    var model = Model.of(Session.config(written));
    var teacher = Teacher.of(written, model.config());
    var choice = MicroBatch.choose(written, model, teacher, device::freeBytes);
    listener.note(choice.toString());
    return written.withMicro(choice.micro());
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

  private void resume(SavedRun saved) {
    saved.load(session);
    state = saved.state();
    checkpoints.removeAfter(state.step(), listener::note);
    listener.note("goes on from " + saved.folder());
    if (!saved.environment().equals(environment())) {
      listener.note(
          "not the same bits as before: written on \"%s\", now on \"%s\""
              .formatted(saved.environment(), environment()));
    }
  }

  /** What a run's bits depend on besides its recipe: not the number of threads. */
  private String environment() {
    var what = device.describe().replaceFirst(", \\d+ threads?", "");
    var build = device.build().isEmpty() ? "" : ", " + device.build();
    return what + build + ", Java " + Runtime.version();
  }

  /**
   * Asks a running loop to write a checkpoint after the current step and return; one that is not
   * running yet takes no step.
   *
   * @param why what is told of it, such as SIGTERM
   */
  public void stop(String why) {
    stopping.compareAndSet(null, why);
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
        session.validation != null && isMeasured() && Metrics.lackValidation(recipe.out(), first);
    if (first >= recipe.steps() && !behind) {
      return;
    }
    try (var metrics = new Metrics(recipe.out(), first);
        var board = new TensorBoard(recipe.out().resolve("tensorboard"), first, now())) {
      if (behind) {
        catchUp(metrics, board);
      }
      boolean stop = stopping.get() != null;
      while (!stop && state.step() < recipe.steps()) {
        stop = step(metrics, board);
      }
      if (state.step() < recipe.steps()) {
        listener.note(
            "stopped after %d of %d steps (%s); the same command goes on from there"
                .formatted(state.step(), recipe.steps(), stopping.get()));
      }
    }
  }

  /** Whether the state after the step just taken is kept. */
  private boolean isKept() {
    return isDue(recipe.checkpoint().every());
  }

  /** Whether the loss on the validation rows is measured after the step just taken. */
  private boolean isMeasured() {
    var held = recipe.data().validation();
    return held != null && isDue(held.every());
  }

  private boolean isDue(int every) {
    return state.step() > 0 && (state.step() == recipe.steps() || state.step() % every == 0);
  }

  /** Takes a step with all that belongs to it; returns whether it was asked to be the last. */
  private boolean step(Metrics metrics, TensorBoard board) {
    var report = take();
    Measured measured;
    try {
      measured = isMeasured() ? validate() : Measured.NOTHING;
    } catch (RuntimeException | Error e) {
      try { // What failed is the measurement: the steps until here are kept.
        metrics.write(report, Measured.NOTHING);
        checkpoints.write(session, state, environment());
      } catch (RuntimeException again) {
        e.addSuppressed(again);
      }
      throw e;
    }
    boolean stop = stopping.get() != null;
    metrics.write(report, measured);
    board.scalars(report.step(), now(), scalars(report));
    listener.step(report);
    tell(report.step(), measured, board);
    if (isKept() || stop) { // after its line: a resume cuts the lines back to the checkpoint
      checkpoints.write(session, state, environment());
    }
    return stop;
  }

  /** A step that is not taken ends the run, and the state before it is kept. */
  private StepReport take() {
    try {
      var taken = steps.take(state);
      state = taken.state();
      return taken.report();
    } catch (TrainingException e) {
      throw new TrainingException(e.getMessage() + kept(), e);
    }
  }

  /** Writes the state before a step that is not taken, and says how to go on. */
  private String kept() {
    if (state.step() == 0) { // the weights that the run began with
      return "; nothing was trained: lower the learning rate";
    }
    if (!checkpoints.has(state.step())) {
      checkpoints.write(session, state, environment());
    }
    return "; step-%d holds the state before it: go on from there with non_finite=skip, or make it the model of a run with a lower learning rate under another out"
        .formatted(state.step());
  }

  private void tell(long step, Measured measured, TensorBoard board) {
    if (measured.isNothing()) {
      return;
    }
    board.scalars(step, now(), measured.scalars());
    listener.validated(step, measured.losses());
    if (!measured.averaged().isEmpty()) {
      listener.validatedAverage(step, measured.averaged());
    }
    if (step >= recipe.schedule().warmup()) {
      measured
          .warning(recipe.depth().curriculum().mean(step))
          .ifPresent(line -> listener.note("warning: " + line));
    }
  }

  /**
   * The validation that a stop cut off: with it, the run's lines are those of one never stopped.
   */
  private void catchUp(Metrics metrics, TensorBoard board) {
    var measured = validate();
    if (!measured.isNothing()) {
      metrics.complete(measured);
      tell(state.step() - 1, measured, board);
    }
  }

  private static long now() {
    return System.currentTimeMillis();
  }

  /** What the validation rows tell; nothing where there are none or the run is to stop. */
  private Measured validate() {
    var rows = session.validation;
    try {
      goOn();
      if (rows == null) {
        return Measured.NOTHING;
      }
      int examined = recipe.depth().curriculum().mean(state.step() - 1);
      return rows.measure(
          session.weights,
          session.average,
          device,
          examined,
          done -> {
            listener.measuring(state.step() - 1, done, rows.rows());
            goOn();
          });
    } catch (Stopped e) {
      return Measured.NOTHING;
    }
  }

  private void goOn() {
    if (stopping.get() != null) {
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
    if (r.divergence() != null) {
      values.put("divergence", r.divergence());
    }
    if (r.skipped() > 0) {
      values.put("skipped", (double) r.skipped());
    }
    return values;
  }

  @Override
  public void close() {
    owned.close();
  }
}
