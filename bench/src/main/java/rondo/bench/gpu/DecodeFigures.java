package rondo.bench.gpu;

import java.util.Arrays;
import rondo.engine.device.Device;
import rondo.engine.graph.DType;
import rondo.nn.RecurrentModel;
import rondo.nn.Weights;
import rondo.nn.WorkingWeights;
import rondo.nn.depth.DecodePlan;
import rondo.nn.depth.DecodeStep;

/**
 * One token of each sequence through a preset with random weights and full caches, beside what it
 * would take to read its weights and caches at the copy rate of the same run.
 */
final class DecodeFigures {
  private DecodeFigures() {}

  static void measure(Lab lab, Device device, Preset p, DType type, boolean tiny) {
    int context = tiny ? 16 : 1024;
    if (lab.late(subject(p, type, 1, 0, context))) {
      return;
    }
    var model = RecurrentModel.of(p.model());
    try (var weights = Weights.allocate(model, device)) {
      RandomWeights.fill(weights, device);
      try (var working = new WorkingWeights(weights, type)) {
        for (int batch : new int[] {1, 8}) {
          for (int r : tiny ? new int[] {2} : new int[] {4, 32}) {
            measure(lab, device, p, model, working, batch, r, context);
          }
        }
      }
    } catch (RuntimeException e) {
      lab.skip(subject(p, type, 1, 0, context), e);
    }
  }

  private static Lab.Subject subject(Preset p, DType type, int batch, int r, int context) {
    var name = "token after %d, batch %d, r = %d".formatted(context, batch, r);
    return new Lab.Subject("decode", p.name(), name, type.toString(), batch, Figure.Work.TOKENS);
  }

  private static void measure(
      Lab lab,
      Device device,
      Preset p,
      RecurrentModel model,
      WorkingWeights weights,
      int batch,
      int r,
      int context) {
    var type = weights.activations();
    var subject = subject(p, type, batch, r, context);
    // The same token from a state of zeros again and again: the last slot is written anew, all
    // slots are read, and nothing comes from the host.
    var plan = new DecodePlan(model, batch, 1, context, r, false, type);
    try (var caches = device.allocate("caches", plan.cacheBytes());
        var memory = device.allocate("step", plan.stateBytes());
        var workspace = device.allocate("workspace", plan.workspaceBytes())) {
      var step = new DecodeStep(device, plan, weights, caches, memory, workspace);
      var first = new int[batch];
      Arrays.fill(first, context - 1);
      step.at(first);
      // A copy's rate counts bytes read and written; reading alone is taken to be as quick.
      double bytes = (double) plan.weightBytes() + plan.cacheBytes();
      lab.whole(subject, lab.atRateOf("copy", bytes), device, () -> step.run(0));
    } catch (RuntimeException e) {
      lab.skip(subject, e);
    }
  }
}
