package rondo.bench.gpu;

import java.util.SplittableRandom;
import rondo.bench.StepConfig;
import rondo.engine.device.Device;
import rondo.engine.device.Region;
import rondo.engine.graph.DType;
import rondo.nn.RecurrentModel;
import rondo.nn.Weights;
import rondo.nn.WorkingWeights;
import rondo.nn.depth.Depth;
import rondo.nn.depth.DepthPlan;
import rondo.nn.depth.DepthStep;
import rondo.nn.depth.Keep;
import rondo.optim.Optimizer;
import rondo.optim.UpdatePlan;

/**
 * A training step of a preset with random weights, on tokens that lie on the device: forward and
 * backward alone, and with the update by Muon and AdamW.
 */
final class TrainFigures implements AutoCloseable {
  private final Device device;
  private final Weights weights;
  private final WorkingWeights working;
  private final Region gradients;
  private final Region moments;
  private final Region state;
  private final Region workspace;
  private final DepthStep step;
  private final Optimizer optimizer;
  private final Depth depth;
  private long done;

  private TrainFigures(Device device, Preset p, int batch, Depth depth, Keep keep, DType type) {
    this.device = device;
    this.depth = depth;
    var model = RecurrentModel.of(p.model());
    weights = Weights.allocate(model, device);
    RandomWeights.fill(weights, device);
    working = new WorkingWeights(weights, type);
    var layout = weights.layout();
    var plan = new DepthPlan(model, batch, p.time(), depth.tracked(), keep, true, 1, type);
    var update = UpdatePlan.of(layout, StepConfig.OPTIMIZER, StepConfig.CLIP);
    gradients = device.allocate("gradients", layout.bytes());
    moments = device.allocate("optimizer", update.stateBytes());
    state = device.allocate("state", plan.stateBytes());
    long most = Math.max(plan.workspaceBytes(), update.workspaceBytes());
    workspace = device.allocate("workspace", most);
    step = new DepthStep(device, plan, working, gradients, state, workspace);
    optimizer = new Optimizer(device, update, weights.region(), gradients, moments, workspace);
    int vocabulary = p.model().vocabulary();
    var tokens = new int[batch * p.time()];
    var targets = new int[tokens.length];
    var random = new SplittableRandom(1);
    for (int i = 0; i < tokens.length; i++) {
      tokens[i] = random.nextInt(vocabulary);
      targets[i] = (tokens[i] * 7 + 3) % vocabulary;
    }
    device.write(step.tokens(), tokens);
    device.write(step.targets(), targets);
  }

  private void run(boolean update) {
    device.zero(weights.layout().all(gradients));
    step.run(depth, done);
    if (update) {
      optimizer.update(done, 1);
      working.refresh();
    }
    done++;
  }

  /** Both figures of one preset, in tokens. */
  static void measure(
      Lab lab, Device device, Preset p, int batch, Depth depth, Keep keep, DType type) {
    double tokens = (double) batch * p.time();
    var subject =
        "step %d x %d, %d + %d recurrences, keep %s"
            .formatted(
                batch,
                p.time(),
                depth.frozen(),
                depth.tracked(),
                keep == Keep.ALL ? "all" : "state");
    var alone =
        new Lab.Subject(
            "train",
            p.name(),
            subject + ", no update",
            type.toString(),
            tokens,
            Figure.Work.TOKENS);
    var whole =
        new Lab.Subject(
            "train",
            p.name(),
            subject + ", with update",
            type.toString(),
            tokens,
            Figure.Work.TOKENS);
    try (var run = new TrainFigures(device, p, batch, depth, keep, type)) {
      lab.whole(alone, null, device, () -> run.run(false));
      lab.whole(whole, null, device, () -> run.run(true));
    } catch (RuntimeException e) {
      lab.skip(alone, e);
      lab.skip(whole, e);
    }
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
