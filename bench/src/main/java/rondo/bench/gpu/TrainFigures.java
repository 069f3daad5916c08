package rondo.bench.gpu;

import java.util.ArrayDeque;
import java.util.Deque;
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
  /** What has been allocated, the last first. */
  private final Deque<Runnable> open = new ArrayDeque<>();

  private final Device device;
  private final Weights weights;
  private final WorkingWeights working;
  private final Region gradients;
  private final DepthStep step;
  private final Optimizer optimizer;
  private final Depth depth;
  private long done;

  private TrainFigures(Device device, Preset p, int batch, Depth depth, Keep keep, DType type) {
    this.device = device;
    this.depth = depth;
    var model = RecurrentModel.of(p.model());
    try {
      weights = Weights.allocate(model, device);
      open.push(weights::close);
      RandomWeights.fill(weights, device);
      working = new WorkingWeights(weights, type);
      open.push(working::close);
      var layout = weights.layout();
      var plan = new DepthPlan(model, batch, p.time(), depth.tracked(), keep, true, 1, type);
      var update = UpdatePlan.of(layout, StepConfig.OPTIMIZER, StepConfig.CLIP);
      gradients = region("gradients", layout.bytes());
      var moments = region("optimizer", update.stateBytes());
      var state = region("state", plan.stateBytes());
      long most = Math.max(plan.workspaceBytes(), update.workspaceBytes());
      var workspace = region("workspace", most);
      step = new DepthStep(device, plan, working, gradients, state, workspace);
      optimizer = new Optimizer(device, update, weights.region(), gradients, moments, workspace);
    } catch (RuntimeException e) {
      close(); // the next model wants the memory
      throw e;
    }
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

  private Region region(String name, long bytes) {
    var region = device.allocate(name, bytes);
    open.push(region::close);
    return region;
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
    if (lab.late(alone) | lab.late(whole)) { // both are said to be left out
      return;
    }
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
    while (!open.isEmpty()) {
      open.pop().run();
    }
  }
}
