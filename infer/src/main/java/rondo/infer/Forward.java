package rondo.infer;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import rondo.engine.device.Buffer;
import rondo.engine.device.Device;
import rondo.engine.device.Executable;
import rondo.engine.device.Region;
import rondo.engine.graph.DType;
import rondo.engine.graph.LinearCrossEntropy;
import rondo.engine.graph.MatMul;
import rondo.engine.graph.Program;
import rondo.engine.graph.Tensor;
import rondo.engine.graph.TensorType;
import rondo.nn.FixedModel;
import rondo.nn.Positions;
import rondo.nn.RecurrentModel;
import rondo.nn.Trace;
import rondo.nn.Weights;
import rondo.nn.WorkingWeights;
import rondo.nn.depth.FixedStep;
import rondo.nn.depth.LossChunk;

/**
 * A model run forward on rows of a fixed shape [batch, time]: a fixed-depth model at once, a
 * recurrent one step by step over depth, with loss or logits at any depth on the way.
 */
public final class Forward implements AutoCloseable {
  private final Device device;
  private @Nullable WorkingWeights working;
  private final List<Region> regions = new ArrayList<>();
  private final Region workspace;
  private final Buffer tokens;
  private final Buffer targets;
  private final Buffer loss;
  private final Buffer hidden;
  private final Buffer noiseKey;
  private final Executable start;
  private final @Nullable Executable noise;
  private final @Nullable Executable core;
  private final Executable lossOf;
  private final Program logitsProgram;
  private final Map<Tensor, Buffer> logitsBindings;
  private final Tensor logits;
  private final boolean recurrent;

  /**
   * Plans, allocates and binds.
   *
   * @throws IllegalArgumentException when time exceeds the model's positions
   */
  public Forward(Weights weights, Device device, int batch, int time) {
    this(weights, device, batch, time, DType.F32);
  }

  /** As {@link #Forward(Weights, Device, int, int)}, with activations in f32 or bf16. */
  public Forward(Weights weights, Device device, int batch, int time, DType activations) {
    this(weights, device, batch, time, activations, device::allocate);
  }

  /** Where regions come from: {@link Device#allocate}, or a test that runs out of memory. */
  interface Memory {
    Region allocate(String name, long bytes);
  }

  Forward(Weights weights, Device device, int batch, int time, DType activations, Memory memory) {
    this.device = device;
    var config = weights.model().config();
    if (time > config.maxPositions()) {
      throw new IllegalArgumentException(
          "rows of " + time + " tokens exceed the model's " + config.maxPositions() + " positions");
    }
    int width = config.block().width();
    var ids = TensorType.i32(batch, time);
    var hiddenType = TensorType.of(activations, batch, time, width);
    var tableType = TensorType.f32(time, config.block().headDim() / 2, 2);
    try {
      working = new WorkingWeights(weights, activations);
      var state =
          take(
              memory,
              "forward",
              3 * Region.aligned(ids.bytes())
                  + Region.aligned(tableType.bytes())
                  + 2 * Region.aligned(hiddenType.bytes())
                  + 2 * Region.aligned(16));
      tokens = state.next(ids);
      targets = state.next(ids);
      var positions = state.next(ids);
      var table = state.next(tableType);
      hidden = state.next(hiddenType);
      var injection = state.next(hiddenType);
      loss = state.next(TensorType.f32(2));
      noiseKey = state.next(TensorType.i64(2));
      FixedStep.writePositions(device, config, positions, table);

      var pending = new ArrayList<Program>();
      var bindings = new ArrayList<Map<Tensor, Buffer>>();
      var t = new Trace(activations);
      var tokensIn = t.input("tokens", ids);
      var places = places(t, ids, tableType);
      var first =
          switch (weights.model()) {
            case FixedModel m -> m.features(t, tokensIn, places);
            case RecurrentModel m -> m.injection(t, tokensIn, places);
          };
      recurrent = weights.model() instanceof RecurrentModel;
      var b = bound(t, working, places, positions, table);
      b.put(tokensIn, tokens);
      b.put(first, recurrent ? injection : hidden);
      pending.add(
          Program.slice("start", t.graph(), given(t, places, tokensIn), List.of(first), List.of()));
      bindings.add(b);

      t = new Trace(activations);
      var stateIn = t.input("state", hiddenType);
      places = places(t, ids, tableType);
      Tensor features = stateIn;
      if (weights.model() instanceof RecurrentModel m) {
        features = m.features(t, stateIn, places);
      }
      var head = t.parameter(head(weights));
      var targetsIn = t.input("targets", ids);
      int chunk = LossChunk.rows((long) batch * time, config.vocabulary(), activations);
      var lossOut = t.graph().add(new LinearCrossEntropy(features, head, targetsIn, chunk, 1));
      logits = t.graph().add(MatMul.linear(features, head, DType.F32));
      b = bound(t, working, places, positions, table);
      b.put(stateIn, hidden);
      b.put(targetsIn, targets);
      b.put(lossOut, loss);
      var all = given(t, places, stateIn);
      all.add(targetsIn);
      pending.add(Program.slice("loss", t.graph(), all, List.of(lossOut), List.of()));
      bindings.add(b);
      logitsProgram =
          Program.slice("logits", t.graph(), given(t, places, stateIn), List.of(logits), List.of());
      logitsBindings = b;

      if (weights.model() instanceof RecurrentModel m) {
        t = new Trace(activations);
        stateIn = t.input("state", hiddenType);
        var injectionIn = t.input("injection", hiddenType);
        places = places(t, ids, tableType);
        var next = m.recur(t, stateIn, injectionIn, places);
        b = bound(t, working, places, positions, table);
        b.put(stateIn, hidden);
        b.put(injectionIn, injection);
        b.put(next, hidden);
        all = given(t, places, stateIn);
        all.add(injectionIn);
        pending.add(Program.slice("core", t.graph(), all, List.of(next), List.of()));
        bindings.add(b);

        t = new Trace(activations);
        var key = t.input("noise key", TensorType.i64(2));
        var z = m.noise(t, key, hiddenType.shape());
        pending.add(Program.slice("noise", t.graph(), List.of(key), List.of(z), List.of()));
        bindings.add(Map.of(key, noiseKey, z, hidden));
      }
      long bytes = logitsProgram.workspaceBytes();
      for (var program : pending) {
        bytes = Math.max(bytes, program.workspaceBytes());
      }
      workspace = take(memory, "workspace", bytes);
      var executables = new ArrayList<Executable>();
      for (int i = 0; i < pending.size(); i++) {
        executables.add(device.bind(pending.get(i), bindings.get(i), workspace));
      }
      start = executables.get(0);
      lossOf = executables.get(1);
      core = recurrent ? executables.get(2) : null;
      noise = recurrent ? executables.get(3) : null;
    } catch (RuntimeException | Error e) {
      close();
      throw e;
    }
  }

  private Region take(Memory memory, String name, long bytes) {
    var region = memory.allocate(name, bytes);
    regions.add(region);
    return region;
  }

  private static rondo.engine.weights.Parameter head(Weights weights) {
    return switch (weights.model()) {
      case FixedModel m -> m.head();
      case RecurrentModel m -> m.head();
    };
  }

  private static Positions places(Trace t, TensorType ids, TensorType table) {
    return new Positions(t.input("positions", ids), t.input("rotary table", table));
  }

  private static Map<Tensor, Buffer> bound(
      Trace t, WorkingWeights weights, Positions places, Buffer positions, Buffer table) {
    var b = new HashMap<>(weights.bind(t));
    b.put(places.positions(), positions);
    b.put(places.table(), table);
    return b;
  }

  private static List<Tensor> given(Trace t, Positions places, Tensor input) {
    var all = new ArrayList<>(t.parameters());
    all.add(places.positions());
    all.add(places.table());
    all.add(input);
    return all;
  }

  /** i32 [batch, time], read by {@link #start}. */
  public Buffer tokens() {
    return tokens;
  }

  /** i32 [batch, time], already shifted, -100 not counted; read by {@link #loss}. */
  public Buffer targets() {
    return targets;
  }

  /** The state [batch, time, width]: writable before the first recurrence. */
  public Buffer state() {
    return hidden;
  }

  /** Runs the prelude, or the whole of a fixed-depth model. */
  public void start() {
    start.run();
  }

  /** Sets the initial state to zero. */
  public void zeroState() {
    device.zero(hidden);
  }

  /** Sets the initial state to noise, a pure function of (seed, index). */
  public void randomState(long seed, long index) {
    device.write(noiseKey, seed, index);
    recurrentPart(noise).run();
  }

  /** One more recurrence. */
  public void recur() {
    recurrentPart(core).run();
  }

  private static Executable recurrentPart(@Nullable Executable part) {
    if (part == null) {
      throw new IllegalStateException("a fixed-depth model has no recurrence");
    }
    return part;
  }

  /** Mean loss at this depth, and how many tokens it counts. */
  public record Loss(double mean, long tokens) {}

  /** The loss at this depth; the state stays as it is. */
  public Loss loss() {
    lossOf.run();
    return new Loss(device.scalar(loss, 0), (long) device.scalar(loss, 1));
  }

  /** Logits [batch, time, vocabulary] at this depth; the state stays as it is. */
  public float[] logits() {
    try (var region = device.allocate("logits", logits.type().bytes())) {
      var out = region.next(logits.type());
      var b = new HashMap<>(logitsBindings);
      b.put(logits, out);
      device.bind(logitsProgram, b, workspace).run();
      return device.floats(out);
    }
  }

  public boolean isRecurrent() {
    return recurrent;
  }

  @Override
  public void close() {
    regions.reversed().forEach(Region::close);
    if (working != null) {
      working.close();
    }
  }
}
