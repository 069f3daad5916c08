package rondo.nn.depth;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import rondo.engine.graph.DType;
import rondo.engine.graph.Program;
import rondo.engine.graph.Tensor;
import rondo.engine.graph.TensorType;
import rondo.nn.Positions;
import rondo.nn.RecurrentModel;
import rondo.nn.Trace;

/**
 * The programs of a training step of a recurrent model and the memory they need, known before
 * anything is allocated.
 */
public final class DepthPlan implements PassPlan {
  /** A traced stage: prelude, core or coda. */
  record Stage(
      Trace trace,
      List<Tensor> inputs,
      Positions positions,
      Tensor output,
      Trace.Differentiated gradients,
      List<Tensor> saved) {
    /** Everything bound from outside in both passes. */
    List<Tensor> given() {
      var all = new ArrayList<>(inputs);
      all.add(positions.positions());
      all.add(positions.table());
      all.addAll(trace.parameters());
      return all;
    }
  }

  final RecurrentModel model;
  final Objective objective;
  final int batch;
  final int time;
  final int tracked;
  final Keep keep;
  final boolean randomState;
  final TensorType state;

  final Stage prelude;
  final Tensor tokens;
  final Tensor dInjection;
  final Program preludeForward;
  final Program preludeBackward;

  final Tensor noiseKey;
  final Tensor noise;
  final Program noiseProgram;

  final Stage core;
  final Tensor coreState;
  final Tensor coreInjection;
  final Tensor dNext;
  final Program coreForward;
  final Program coreKeep;
  final Program coreBackward;

  final @Nullable TeacherPlan teacher;
  final Stage coda;
  final HeadLoss headLoss;
  final Tensor codaState;
  final Tensor targets;
  final Program codaProgram;

  // Counted once: a training step asks after each micro-batch.
  private final long onceFlops;
  private final long frozenFlops;
  private final long trackedFlops;

  /** With the cross-entropy of all parameters as its objective. */
  public DepthPlan(
      RecurrentModel model,
      int batch,
      int time,
      int tracked,
      Keep keep,
      boolean randomState,
      float gradScale,
      DType activations) {
    this(
        model,
        batch,
        time,
        tracked,
        keep,
        randomState,
        Objective.of(model, gradScale),
        activations);
  }

  /**
   * Traces and plans.
   *
   * @param tracked most recurrences that are differentiated
   * @param activations f32 or bf16
   */
  public DepthPlan(
      RecurrentModel model,
      int batch,
      int time,
      int tracked,
      Keep keep,
      boolean randomState,
      Objective objective,
      DType activations) {
    this.model = model;
    this.objective = objective;
    this.batch = batch;
    this.time = time;
    this.tracked = tracked;
    this.keep = keep;
    this.randomState = randomState;
    var config = model.config();
    int width = config.block().width();
    state = TensorType.of(activations, batch, time, width);
    var ids = TensorType.i32(batch, time);

    var t = new Trace(activations, objective.trained()::contains);
    tokens = t.input("tokens", ids);
    var positions = positions(t);
    var injection = model.injection(t, tokens, positions);
    int forward = t.graph().nodes().size();
    dInjection = t.input("d injection", state);
    var gradients = t.differentiate(injection, dInjection, List.of());
    prelude = stage(t, List.of(tokens), positions, injection, forward, dInjection, gradients);
    preludeForward = forward("prelude", prelude, keep);
    preludeBackward = backward("prelude backward", prelude, dInjection, List.of(), List.of());

    t = new Trace(activations);
    noiseKey = t.input("noise key", TensorType.i64(2));
    noise = model.noise(t, noiseKey, state.shape());
    noiseProgram = Program.slice("noise", t.graph(), List.of(noiseKey), List.of(noise), List.of());

    t = new Trace(activations, objective.trained()::contains);
    coreState = t.input("state", state);
    coreInjection = t.input("injection", state);
    positions = positions(t);
    var next = model.recur(t, coreState, coreInjection, positions);
    forward = t.graph().nodes().size();
    dNext = t.input("d next", state);
    gradients = t.differentiate(next, dNext, List.of(coreState, coreInjection));
    core = stage(t, List.of(coreState, coreInjection), positions, next, forward, dNext, gradients);
    coreForward = Program.slice("core", t.graph(), core.given(), List.of(next), List.of());
    coreKeep = forward("core, keeping", core, keep);
    coreBackward =
        backward(
            "core backward",
            core,
            dNext,
            List.of(gradients.inputs().get(0)),
            List.of(gradients.inputs().get(1)));

    t = new Trace(activations, objective.trained()::contains);
    codaState = t.input("state", state);
    targets = t.input("targets", ids);
    positions = positions(t);
    var features = model.features(t, codaState, positions);
    var head = t.parameter(model.head());
    teacher = objective.teacher(batch, time, activations);
    headLoss = HeadLoss.of(t, objective, teacher, features, head, targets);
    var loss = headLoss.loss();
    var d = t.differentiate(loss, null, List.of(codaState));
    var read = new ArrayList<>(List.of(codaState, targets));
    read.addAll(headLoss.teacher());
    coda = new Stage(t, read, positions, loss, d, List.of());
    codaProgram =
        Program.slice(
            "coda",
            t.graph(),
            coda.given(),
            List.of(loss, d.inputs().getFirst()),
            d.ofParameters());
    onceFlops =
        preludeForward.flops()
            + codaProgram.flops()
            + preludeBackward.flops()
            + (teacher == null ? 0 : teacher.program.flops());
    frozenFlops = coreForward.flops();
    trackedFlops = coreKeep.flops() + coreBackward.flops();
  }

  private Positions positions(Trace t) {
    var config = model.config();
    int size = config.block().headDim();
    return new Positions(
        t.input("positions", TensorType.i32(batch, time)),
        t.input("rotary table", TensorType.f32(time, size / 2, 2)));
  }

  private Stage stage(
      Trace t,
      List<Tensor> inputs,
      Positions positions,
      Tensor output,
      int forward,
      Tensor dy,
      Trace.Differentiated gradients) {
    var bare = new Stage(t, inputs, positions, output, gradients, List.of());
    if (keep == Keep.STATE) {
      return bare;
    }
    var all = new ArrayList<>(gradients.inputs());
    all.addAll(gradients.ofParameters());
    var saved =
        Saved.of(t.graph(), forward, bare.given(), dy, all).stream()
            .filter(v -> v != output)
            .toList();
    return new Stage(t, inputs, positions, output, gradients, saved);
  }

  private static Program forward(String name, Stage stage, Keep keep) {
    var results = new ArrayList<>(List.of(stage.output));
    if (keep == Keep.ALL) {
      results.addAll(stage.saved);
    }
    return Program.slice(name, stage.trace.graph(), stage.given(), results, List.of());
  }

  private static Program backward(
      String name, Stage stage, Tensor dy, List<Tensor> written, List<Tensor> added) {
    var given = new ArrayList<>(stage.given());
    given.add(dy);
    given.addAll(stage.saved);
    var sums = new ArrayList<>(added);
    sums.addAll(stage.gradients.ofParameters());
    return Program.slice(name, stage.trace.graph(), given, written, sums);
  }

  /** A program and how often a step runs it. */
  public record Runs(Program program, int times) {}

  /** Every program with how often a step of this depth runs it, in the order of their first run. */
  public List<Runs> runs(Depth depth) {
    var all = new ArrayList<Runs>();
    all.add(new Runs(preludeForward, 1));
    all.add(new Runs(coreForward, depth.frozen()));
    all.add(new Runs(coreKeep, depth.tracked()));
    if (teacher != null) {
      all.add(new Runs(teacher.program, 1));
    }
    all.add(new Runs(codaProgram, 1));
    all.add(new Runs(coreBackward, depth.tracked()));
    all.add(new Runs(preludeBackward, 1));
    return all;
  }

  /** Floating-point operations of a step, recomputation included. */
  public long flops(Depth depth) {
    return onceFlops + depth.frozen() * frozenFlops + depth.tracked() * trackedFlops;
  }

  /** Bytes that all operands of a step move at least. */
  public long bytes(Depth depth) {
    return runs(depth).stream().mapToLong(r -> r.program.bytes() * r.times).sum();
  }

  @Override
  public long workspaceBytes() {
    return Stream.of(
            preludeForward,
            preludeBackward,
            noiseProgram,
            coreForward,
            coreKeep,
            coreBackward,
            codaProgram,
            teacher == null ? preludeForward : teacher.program)
        .mapToLong(Program::workspaceBytes)
        .max()
        .orElse(0);
  }

  @Override
  public long stateBytes() {
    return new DepthSlots(this).bytes();
  }
}
