package rondo.nn.depth;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import rondo.engine.device.Buffer;
import rondo.engine.device.Device;
import rondo.engine.device.Executable;
import rondo.engine.device.Region;
import rondo.engine.graph.Tensor;
import rondo.nn.Positions;
import rondo.nn.WorkingWeights;

/**
 * A few new tokens of each sequence through a recurrent model with caches: the prelude once, the
 * core as often as planned, each time over caches of its own, the coda to logits. A host loop over
 * recorded programs, as {@link DepthStep}.
 */
public final class DecodeStep {
  private final Device device;
  private final DecodePlan plan;
  private final Buffer tokens;
  private final Buffer positions;
  private final Buffer start;
  private final Buffer noiseKey;
  private final Buffer state;
  private final Buffer logits;
  private final Executable prelude;
  private final Executable noise;
  private final List<Executable> core = new ArrayList<>();
  private final Executable coda;

  /**
   * Binds a plan.
   *
   * @param weights of the activations that were planned
   * @param caches region of at least {@code plan.cacheBytes()}; steps of one batch, capacity and
   *     depth share it, such as one that reads prompts and one that decodes
   * @param memory region of at least {@code plan.stateBytes()}
   * @param workspace region of at least {@code plan.workspaceBytes()}
   */
  public DecodeStep(
      Device device,
      DecodePlan plan,
      WorkingWeights weights,
      Region caches,
      Region memory,
      Region workspace) {
    this.device = device;
    this.plan = plan;
    var slots = new DecodeSlots(plan);
    var buffers = slots.slots.cut(memory);
    var kept = slots.caches.of(caches);
    tokens = buffers.get(slots.tokens);
    positions = buffers.get(slots.positions);
    start = buffers.get(slots.start);
    noiseKey = buffers.get(slots.noiseKey);
    state = buffers.get(slots.state);
    logits = buffers.get(slots.logits);
    var injection = buffers.get(slots.injection);
    var table = buffers.get(slots.table);
    var block = plan.model.config().block();
    device.write(table, Positions.table(block.rope(), plan.capacity, block.headDim()));

    var b = bindings(plan.prelude, weights, table);
    b.put(plan.tokens, tokens);
    b.put(plan.prelude.output(), injection);
    putCaches(b, plan.prelude, slots.prelude, kept);
    prelude = device.bind(plan.prelude.program(), b, workspace);

    noise =
        device.bind(
            plan.noiseProgram, Map.of(plan.noiseKey, noiseKey, plan.noise, state), workspace);

    b = bindings(plan.core, weights, table);
    b.put(plan.coreInjection, injection);
    b.put(plan.coreState, state);
    b.put(plan.core.output(), state);
    for (var recurrence : slots.core) {
      putCaches(b, plan.core, recurrence, kept);
      core.add(device.bind(plan.core.program(), b, workspace));
    }

    b = bindings(plan.coda, weights, table);
    b.put(plan.codaState, state);
    b.put(plan.coda.output(), logits);
    putCaches(b, plan.coda, slots.coda, kept);
    coda = device.bind(plan.coda.program(), b, workspace);
  }

  private Map<Tensor, Buffer> bindings(
      DecodePlan.Stage stage, WorkingWeights weights, Buffer table) {
    var b = new HashMap<>(weights.bind(stage.trace()));
    b.put(stage.positions().positions(), positions);
    b.put(stage.positions().table(), table);
    b.put(stage.caches().start(), start);
    return b;
  }

  private static void putCaches(
      Map<Tensor, Buffer> b, DecodePlan.Stage stage, List<Integer> slots, List<Buffer> kept) {
    for (int i = 0; i < slots.size(); i++) {
      b.put(stage.caches().given().get(i), kept.get(slots.get(i)));
      b.put(stage.caches().written().get(i), kept.get(slots.get(i)));
    }
  }

  /**
   * Says where the new tokens stand.
   *
   * @param first the position of each sequence's first new token: how many came before it
   * @throws IllegalArgumentException when a sequence would exceed the capacity
   */
  public void at(int... first) {
    if (first.length != plan.batch) {
      throw new IllegalArgumentException(
          "decode: %d starts for %d sequences".formatted(first.length, plan.batch));
    }
    var all = new int[plan.batch * plan.time];
    for (int i = 0; i < all.length; i++) {
      int before = first[i / plan.time];
      if (before < 0 || before + plan.time > plan.capacity) {
        throw new IllegalArgumentException(
            "decode: %d tokens from position %d exceed the capacity %d"
                .formatted(plan.time, before, plan.capacity));
      }
      all[i] = before + i % plan.time;
    }
    device.write(start, first);
    device.write(positions, all);
  }

  /** Runs the tokens written to {@link #tokens} and leaves {@link #logits}. */
  public void run(long noiseIndex) {
    run(noiseIndex, null);
  }

  /** As {@link #run(long)}, from a given initial state [batch, time, width]. */
  public void run(long noiseIndex, float @Nullable [] initialState) {
    if (initialState != null) {
      device.write(state, initialState);
    } else if (plan.randomState) {
      device.write(noiseKey, noiseIndex, 0);
      noise.run();
    } else {
      device.zero(state);
    }
    prelude.run();
    core.forEach(Executable::run);
    coda.run();
  }

  /** i32 [batch, time], to be written before {@link #run}. */
  public Buffer tokens() {
    return tokens;
  }

  /** f32 [batch, time, vocabulary] of the last run. */
  public Buffer logits() {
    return logits;
  }
}
