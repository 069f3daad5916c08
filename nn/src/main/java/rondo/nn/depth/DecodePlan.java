package rondo.nn.depth;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.stream.Stream;
import rondo.engine.graph.DType;
import rondo.engine.graph.Embedding;
import rondo.engine.graph.MatMul;
import rondo.engine.graph.Program;
import rondo.engine.graph.Tensor;
import rondo.engine.graph.TensorType;
import rondo.nn.Caches;
import rondo.nn.Positions;
import rondo.nn.RecurrentModel;
import rondo.nn.Trace;

/**
 * The programs that take a recurrent model over a few new tokens of each sequence, given the keys
 * and values of those before, and the memory they need. Every recurrence of a core block has a
 * cache of its own, as in the published models.
 */
public final class DecodePlan {
  /** A traced stage: prelude, core or coda. */
  record Stage(
      Trace trace,
      List<Tensor> inputs,
      Positions positions,
      Caches caches,
      Tensor output,
      Program program) {}

  final RecurrentModel model;
  final int batch;
  final int time;
  final int capacity;
  final int recurrences;
  final boolean randomState;
  final TensorType state;

  final Stage prelude;
  final Tensor tokens;
  final Stage core;
  final Tensor coreState;
  final Tensor coreInjection;
  final Stage coda;
  final Tensor codaState;
  final Tensor noiseKey;
  final Tensor noise;
  final Program noiseProgram;

  /**
   * Traces and plans.
   *
   * @param time new tokens of each sequence in one step: 1 to decode, more to read a prompt
   * @param capacity most tokens of a sequence
   * @param recurrences how often the core runs
   * @param randomState whether a token's state begins as noise, else as zeros
   * @param activations f32 or bf16
   */
  public DecodePlan(
      RecurrentModel model,
      int batch,
      int time,
      int capacity,
      int recurrences,
      boolean randomState,
      DType activations) {
    if (time < 1 || capacity < time || recurrences < 1) {
      throw new IllegalArgumentException(
          "decode: %d new tokens of at most %d, %d recurrences"
              .formatted(time, capacity, recurrences));
    }
    this.model = model;
    this.batch = batch;
    this.time = time;
    this.capacity = capacity;
    this.recurrences = recurrences;
    this.randomState = randomState;
    state = TensorType.of(activations, batch, time, model.config().block().width());

    var t = new Trace(activations);
    tokens = t.input("tokens", TensorType.i32(batch, time));
    var positions = positions(t);
    prelude =
        stage("prelude", t, List.of(tokens), positions, model.injection(t, tokens, positions));

    t = new Trace(activations);
    coreState = t.input("state", state);
    coreInjection = t.input("injection", state);
    positions = positions(t);
    var next = model.recur(t, coreState, coreInjection, positions);
    core = stage("core", t, List.of(coreState, coreInjection), positions, next);

    t = new Trace(activations);
    codaState = t.input("state", state);
    positions = positions(t);
    var features = model.features(t, codaState, positions);
    var logits = t.graph().add(MatMul.linear(features, t.parameter(model.head()), DType.F32));
    coda = stage("coda", t, List.of(codaState), positions, logits);

    t = new Trace(activations);
    noiseKey = t.input("noise key", TensorType.i64(2));
    noise = model.noise(t, noiseKey, state.shape());
    noiseProgram = Program.slice("noise", t.graph(), List.of(noiseKey), List.of(noise), List.of());
  }

  private Positions positions(Trace t) {
    int size = model.config().block().headDim();
    return new Positions(
        t.input("positions", TensorType.i32(batch, time)),
        t.input("rotary table", TensorType.f32(capacity, size / 2, 2)),
        new Caches(t.input("start", TensorType.i32(batch)), capacity));
  }

  private static Stage stage(
      String name, Trace t, List<Tensor> inputs, Positions positions, Tensor output) {
    var caches = positions.caches();
    if (caches == null) {
      throw new IllegalStateException(name + " is traced without caches");
    }
    var given = new ArrayList<>(inputs);
    given.addAll(List.of(positions.positions(), positions.table(), caches.start()));
    given.addAll(caches.given());
    given.addAll(t.parameters());
    var results = new ArrayList<>(List.of(output));
    results.addAll(caches.written());
    var program = Program.slice(name, t.graph(), given, results, List.of());
    return new Stage(t, inputs, positions, caches, output, program);
  }

  /** Floating-point operations of a step over full caches. */
  public long flops() {
    return prelude.program.flops() + recurrences * core.program.flops() + coda.program.flops();
  }

  /**
   * Bytes of weights that a step reads: prelude, core once a recurrence, coda and head. Of the
   * embedding it reads a row for each token, which is not counted.
   */
  public long weightBytes() {
    return weightBytes(prelude) + recurrences * weightBytes(core) + weightBytes(coda);
  }

  private static long weightBytes(Stage stage) {
    var tables = new HashSet<Tensor>();
    for (var node : stage.trace.graph().nodes()) {
      if (node.op() instanceof Embedding embedding) {
        tables.add(embedding.table());
      }
    }
    return stage.trace.parameters().stream()
        .filter(p -> !tables.contains(p))
        .mapToLong(p -> p.type().bytes())
        .sum();
  }

  /**
   * Bytes of all caches, the same for any number of new tokens; a step that ends with token {@code
   * i} of each sequence reads i / capacity of them.
   */
  public long cacheBytes() {
    return new DecodeSlots(this).caches.bytes();
  }

  public long workspaceBytes() {
    return Stream.of(prelude.program, core.program, coda.program, noiseProgram)
        .mapToLong(Program::workspaceBytes)
        .max()
        .orElse(0);
  }

  /** Bytes of states and logits: everything that outlives one program but the caches. */
  public long stateBytes() {
    return new DecodeSlots(this).slots.bytes();
  }
}
