package rondo.bench.gpu;

import java.util.Arrays;
import rondo.engine.device.Device;
import rondo.nn.RecurrentModel;
import rondo.nn.Weights;
import rondo.nn.depth.DecodePlan;
import rondo.nn.depth.DecodeStep;

/**
 * One token of each sequence through a preset with random weights and full caches, beside what it
 * would take to read its weights and caches at the copy rate of the same run.
 */
final class DecodeFigures {
  private DecodeFigures() {}

  static void measure(Lab lab, Device device, Preset p, boolean tiny) {
    int context = tiny ? 16 : 1024;
    var model = RecurrentModel.of(p.model());
    try (var weights = Weights.allocate(model, device)) {
      RandomWeights.fill(weights, device);
      for (int batch : new int[] {1, 8}) {
        for (int r : tiny ? new int[] {2} : new int[] {4, 32}) {
          measure(lab, device, p, weights, batch, r, context);
        }
      }
    } catch (RuntimeException e) {
      lab.skip(subject(p, 1, 0, context), e);
    }
  }

  private static Lab.Subject subject(Preset p, int batch, int r, int context) {
    var name = "token after %d, batch %d, r = %d".formatted(context, batch, r);
    return new Lab.Subject("decode", p.name(), name, "f32", batch, Figure.Work.TOKENS);
  }

  private static void measure(
      Lab lab, Device device, Preset p, Weights weights, int batch, int r, int context) {
    var subject = subject(p, batch, r, context);
    // The same token again and again: the last slot is written anew, all slots are read.
    var plan = new DecodePlan((RecurrentModel) weights.model(), batch, 1, context, r, true);
    try (var caches = device.allocate("caches", plan.cacheBytes());
        var memory = device.allocate("step", plan.stateBytes());
        var workspace = device.allocate("workspace", plan.workspaceBytes())) {
      var step =
          new DecodeStep(
              device, plan, weights.layout(), weights.region(), caches, memory, workspace);
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
