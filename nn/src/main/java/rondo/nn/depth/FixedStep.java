package rondo.nn.depth;

import java.util.HashMap;
import org.jspecify.annotations.Nullable;
import rondo.engine.device.Buffer;
import rondo.engine.device.Device;
import rondo.engine.device.Executable;
import rondo.engine.device.Region;
import rondo.nn.Positions;
import rondo.nn.WorkingWeights;
import rondo.nn.checkpoint.ModelConfig;

/** A training step of a fixed-depth model. */
public final class FixedStep implements TrainingStep {
  private final Device device;
  private final Buffer tokens;
  private final Buffer targets;
  private final Buffer loss;
  private final Executable step;
  private final long flops;

  private final @Nullable Executable teacher;

  /** Binds a plan without a teacher. */
  public FixedStep(
      Device device,
      FixedPlan plan,
      WorkingWeights weights,
      Region gradients,
      Region state,
      Region workspace) {
    this(device, plan, weights, gradients, state, workspace, null);
  }

  /** Binds a plan; regions and the teacher's weights as in {@link DepthStep}. */
  public FixedStep(
      Device device,
      FixedPlan plan,
      WorkingWeights weights,
      Region gradients,
      Region state,
      Region workspace,
      @Nullable WorkingWeights teaching) {
    this.device = device;
    var buffers = plan.slots().cut(state);
    tokens = buffers.get(0);
    targets = buffers.get(1);
    loss = buffers.get(4);
    writePositions(device, plan.model.config(), buffers.get(2), buffers.get(3));
    var b = new HashMap<>(weights.bind(plan.trace));
    b.putAll(plan.gradients.bind(plan.objective.trained(), gradients));
    b.put(plan.tokens, tokens);
    b.put(plan.targets, targets);
    b.put(plan.positions.positions(), buffers.get(2));
    b.put(plan.positions.table(), buffers.get(3));
    b.put(plan.headLoss.loss(), loss);
    teacher =
        plan.teacher == null
            ? null
            : plan.teacher.bind(
                device,
                teaching,
                tokens,
                buffers.get(2),
                buffers.subList(5, 7),
                plan.headLoss,
                b,
                workspace);
    flops = plan.flops();
    step = device.bind(plan.program, b, workspace);
  }

  /** Positions 0 … time-1 for every row of a batch, and their rotary table. */
  public static void writePositions(
      Device device, ModelConfig config, Buffer positions, Buffer table) {
    int time = positions.type().shape().last();
    var all = new int[Math.toIntExact(positions.type().shape().size())];
    for (int i = 0; i < all.length; i++) {
      all[i] = i % time;
    }
    device.write(positions, all);
    int rows = table.type().shape().dim(0);
    device.write(table, Positions.table(config.block().rope(), rows, config.block().headDim()));
  }

  @Override
  public void run(Depth depth, long noiseKey) {
    if (teacher != null) {
      teacher.run();
    }
    step.run();
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
    return flops;
  }
}
