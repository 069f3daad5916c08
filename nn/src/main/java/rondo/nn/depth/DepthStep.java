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
import rondo.nn.WorkingWeights;

/**
 * Truncated backpropagation through depth as a host loop over a few programs: the core runs {@code
 * frozen} times in place, then {@code tracked} times leaving a trail of states, and back along it.
 */
public final class DepthStep implements TrainingStep {
  private final Device device;
  private final DepthPlan plan;
  private final Buffer tokens;
  private final Buffer targets;
  private final Buffer noiseKey;
  private final Buffer loss;
  private final Buffer dInjection;
  private final Buffer dState;
  private final Buffer dPrevious;
  private final List<Buffer> states = new ArrayList<>();
  private final Executable prelude;
  private final Executable preludeBackward;
  private final Executable noise;
  private final Executable frozen;
  private final List<Executable> tracked = new ArrayList<>();
  private final List<Executable> trackedBackward = new ArrayList<>();
  private final Executable coda;
  private final @Nullable Executable teacher;

  /** Binds a plan without a teacher. */
  public DepthStep(
      Device device,
      DepthPlan plan,
      WorkingWeights weights,
      Region gradients,
      Region state,
      Region workspace) {
    this(device, plan, weights, gradients, state, workspace, null);
  }

  /**
   * Binds a plan.
   *
   * @param weights of the plan's type; whoever changes them refreshes them
   * @param gradients of the layout of the plan's trained parameters, where gradients are added; the
   *     caller zeroes it
   * @param state region of at least {@code plan.stateBytes()}
   * @param workspace region of at least {@code plan.workspaceBytes()}
   * @param teaching weights of the plan's teacher and type, or null where it has none
   */
  public DepthStep(
      Device device,
      DepthPlan plan,
      WorkingWeights weights,
      Region gradients,
      Region state,
      Region workspace,
      @Nullable WorkingWeights teaching) {
    this.device = device;
    this.plan = plan;
    var slots = new DepthSlots(plan);
    var buffers = slots.slots.cut(state);
    tokens = buffers.get(slots.tokens);
    targets = buffers.get(slots.targets);
    noiseKey = buffers.get(slots.noiseKey);
    loss = buffers.get(slots.loss);
    dInjection = buffers.get(slots.dInjection);
    dState = buffers.get(slots.dState);
    dPrevious = buffers.get(slots.dPrevious);
    slots.states.forEach(i -> states.add(buffers.get(i)));
    var injection = buffers.get(slots.injection);
    var positions = buffers.get(slots.positions);
    var table = buffers.get(slots.table);
    FixedStep.writePositions(device, plan.model.config(), positions, table);

    var b = bindings(plan.prelude, weights, gradients, positions, table);
    b.put(plan.tokens, tokens);
    b.put(plan.prelude.output(), injection);
    b.put(plan.dInjection, dInjection);
    putAll(b, plan.prelude.saved(), slots.preludeSaved, buffers);
    prelude = device.bind(plan.preludeForward, b, workspace);
    preludeBackward = device.bind(plan.preludeBackward, b, workspace);

    var last = states.getLast();
    noise =
        device.bind(
            plan.noiseProgram, Map.of(plan.noiseKey, noiseKey, plan.noise, last), workspace);

    b = bindings(plan.core, weights, gradients, positions, table);
    b.put(plan.coreInjection, injection);
    b.put(plan.coreState, last);
    b.put(plan.core.output(), last);
    frozen = device.bind(plan.coreForward, b, workspace);
    b.put(plan.dNext, dState);
    b.put(plan.core.gradients().inputs().get(0), dPrevious);
    b.put(plan.core.gradients().inputs().get(1), dInjection);
    for (int i = 0; i < plan.tracked; i++) {
      b.put(plan.coreState, states.get(i));
      b.put(plan.core.output(), states.get(i + 1));
      putAll(b, plan.core.saved(), slots.coreSaved.get(i), buffers);
      tracked.add(device.bind(plan.coreKeep, b, workspace));
      trackedBackward.add(device.bind(plan.coreBackward, b, workspace));
    }

    b = bindings(plan.coda, weights, gradients, positions, table);
    b.put(plan.codaState, last);
    b.put(plan.targets, targets);
    b.put(plan.coda.output(), loss);
    b.put(plan.coda.gradients().inputs().getFirst(), dState);
    teacher =
        plan.teacher == null
            ? null
            : plan.teacher.bind(
                device,
                teaching,
                tokens,
                positions,
                slots.teacher.stream().map(buffers::get).toList(),
                plan.headLoss,
                b,
                workspace);
    coda = device.bind(plan.codaProgram, b, workspace);
  }

  private Map<Tensor, Buffer> bindings(
      DepthPlan.Stage stage,
      WorkingWeights weights,
      Region gradients,
      Buffer positions,
      Buffer table) {
    var b = new HashMap<>(weights.bind(stage.trace()));
    b.putAll(stage.gradients().bind(plan.objective.trained(), gradients));
    b.put(stage.positions().positions(), positions);
    b.put(stage.positions().table(), table);
    return b;
  }

  private static void putAll(
      Map<Tensor, Buffer> b, List<Tensor> values, List<Integer> slots, List<Buffer> buffers) {
    for (int i = 0; i < values.size(); i++) {
      b.put(values.get(i), buffers.get(slots.get(i)));
    }
  }

  @Override
  public void run(Depth depth, long noiseIndex) {
    run(depth, noiseIndex, null);
  }

  /** As {@link #run(Depth, long)}, from a given initial state [batch, time, width]. */
  public void run(Depth depth, long noiseIndex, float @Nullable [] initialState) {
    if (depth.tracked() > plan.tracked) {
      throw new IllegalArgumentException(
          "step: " + depth + " tracks more than the planned " + plan.tracked);
    }
    prelude.run();
    var state = states.getLast();
    if (initialState != null) {
      device.write(state, initialState);
    } else if (plan.randomState) {
      device.write(noiseKey, noiseIndex, 0);
      noise.run();
    } else {
      device.zero(state);
    }
    for (int i = 0; i < depth.frozen(); i++) {
      frozen.run();
    }
    // The trail is filled from the end, so that the coda always reads the last slot.
    int first = plan.tracked - depth.tracked();
    device.copy(state, states.get(first));
    for (int i = first; i < plan.tracked; i++) {
      tracked.get(i).run();
    }
    if (teacher != null) {
      teacher.run();
    }
    coda.run();
    device.zero(dInjection);
    for (int i = plan.tracked; i-- > first; ) {
      trackedBackward.get(i).run();
      if (!dPrevious.equals(dState)) {
        device.copy(dPrevious, dState);
      }
    }
    preludeBackward.run();
  }

  @Override
  public Buffer tokens() {
    return tokens;
  }

  @Override
  public Buffer targets() {
    return targets;
  }

  @Override
  public float loss() {
    return device.scalar(loss, 0);
  }

  @Override
  public long tokensCounted() {
    return (long) device.scalar(loss, 1);
  }

  @Override
  public float divergence() {
    return teacher == null ? 0 : device.scalar(loss, 2);
  }

  @Override
  public long flops(Depth depth) {
    return plan.flops(depth);
  }
}
