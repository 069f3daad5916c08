package rondo.bench;

import java.util.SplittableRandom;
import rondo.engine.device.Device;
import rondo.engine.device.Region;
import rondo.engine.graph.DType;
import rondo.nn.Initializer;
import rondo.nn.RecurrentModel;
import rondo.nn.Weights;
import rondo.nn.WorkingWeights;
import rondo.nn.depth.DepthPlan;
import rondo.nn.depth.DepthStep;
import rondo.optim.Optimizer;
import rondo.optim.UpdatePlan;

/** Whole training steps on tokens made up once: what a training loop does but for the data. */
public final class TrainingRun implements AutoCloseable {
  private final Device device;
  private final StepConfig config;
  private final Weights weights;
  private final WorkingWeights working;
  private final Region gradients;
  private final Region moments;
  private final Region state;
  private final Region workspace;
  private final DepthStep step;
  private final Optimizer optimizer;
  private final int[] tokens;
  private final int[] targets;
  private final double flops;
  private long done;

  public TrainingRun(Device device, StepConfig config) {
    this.device = device;
    this.config = config;
    var model = RecurrentModel.of(config.model());
    weights = Weights.allocate(model, device);
    Initializer.fill(weights, device, 1);
    working = new WorkingWeights(weights, DType.F32);
    var layout = weights.layout();
    var plan =
        new DepthPlan(
            model,
            config.batch(),
            config.time(),
            config.depth().tracked(),
            config.keep(),
            true,
            1,
            DType.F32);
    var update = UpdatePlan.of(layout, StepConfig.OPTIMIZER, StepConfig.CLIP);
    gradients = device.allocate("gradients", layout.bytes());
    moments = device.allocate("optimizer", update.stateBytes());
    state = device.allocate("state", plan.stateBytes());
    workspace =
        device.allocate("workspace", Math.max(plan.workspaceBytes(), update.workspaceBytes()));
    step = new DepthStep(device, plan, working, gradients, state, workspace);
    optimizer = new Optimizer(device, update, weights.region(), gradients, moments, workspace);
    tokens = new int[Math.toIntExact(config.tokens())];
    targets = new int[tokens.length];
    var random = new SplittableRandom(1);
    for (int i = 0; i < tokens.length; i++) {
      tokens[i] = random.nextInt(config.model().vocabulary());
      targets[i] = (tokens[i] * 7 + 3) % config.model().vocabulary();
    }
    flops = plan.flops(config.depth()) + optimizer.flops();
  }

  /** One step, update included. */
  public void run() {
    device.zero(weights.layout().all(gradients));
    device.write(step.tokens(), tokens);
    device.write(step.targets(), targets);
    step.run(config.depth(), done);
    if (!Float.isFinite(step.loss())) {
      throw new IllegalStateException(config + ": loss is " + step.loss());
    }
    optimizer.update(done++, 1);
  }

  public float loss() {
    return step.loss();
  }

  /** Floating-point operations of one step, recomputation included. */
  public double flops() {
    return flops;
  }

  public long parameters() {
    return weights.layout().elements();
  }

  @Override
  public void close() {
    workspace.close();
    state.close();
    moments.close();
    gradients.close();
    working.close();
    weights.close();
  }
}
