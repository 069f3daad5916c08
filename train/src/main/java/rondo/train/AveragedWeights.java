package rondo.train;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import rondo.engine.device.Buffer;
import rondo.engine.device.Device;
import rondo.engine.device.Executable;
import rondo.engine.device.Region;
import rondo.engine.graph.Graph;
import rondo.engine.graph.MuonApply;
import rondo.engine.graph.Program;
import rondo.engine.graph.Tensor;
import rondo.engine.graph.TensorType;
import rondo.nn.Weights;

/**
 * An exponential moving average of the weights of a run (EMA), beside them on the device: {@code e
 * ← e + (1 − decay)·(w − e)} after every so many steps, in f32.
 */
final class AveragedWeights implements AutoCloseable {
  private final Recipe.Averaging averaging;
  private final Region control;
  private final Weights average;
  private final Executable update;

  /** Starts from the weights as they are. */
  AveragedWeights(Weights weights, Recipe.Averaging averaging) {
    this.averaging = averaging;
    var device = weights.device();
    var layout = weights.layout();
    control = device.allocate("decay of averaged weights", Float.BYTES);
    Region memory;
    try {
      memory = device.allocate("averaged weights", layout.bytes());
    } catch (RuntimeException | Error e) {
      control.close();
      throw e;
    }
    average = new Weights(weights.model(), layout, device, memory, List.of());
    try {
      update = update(weights, device);
      restart(weights);
    } catch (RuntimeException | Error e) {
      close();
      throw e;
    }
  }

  /** Muon's last step is p ← (1 − lr·λ)·p − lr·s·o: with λ = 1, s = −1 and lr = 1 − decay, this. */
  private Executable update(Weights weights, Device device) {
    var graph = new Graph();
    var rate = graph.input("1 - decay", TensorType.f32(1));
    var rateBuffer = control.next(rate.type());
    device.write(rateBuffer, (float) (1 - averaging.decay()));
    var given = new ArrayList<>(List.of(rate));
    var results = new ArrayList<Tensor>();
    var bindings = new HashMap<Tensor, Buffer>();
    bindings.put(rate, rateBuffer);
    var from = weights.layout().runs(weights.region());
    var to = weights.layout().runs(average.region());
    for (int i = 0; i < from.size(); i++) {
      var w = graph.input("weights", from.get(i).type());
      var e = graph.input("average", to.get(i).type());
      var next = graph.add(new MuonApply(e, w, rate, -1, 1));
      given.addAll(List.of(w, e));
      results.add(next);
      bindings.put(w, from.get(i));
      bindings.put(e, to.get(i));
      bindings.put(next, to.get(i));
    }
    var program = Program.slice("averaged weights", graph, given, results, List.of());
    return device.bind(program, bindings, control); // it needs no workspace
  }

  /** Makes the average that of one state: the weights as they are. */
  private void restart(Weights weights) {
    var from = weights.layout().runs(weights.region());
    var to = weights.layout().runs(average.region());
    for (int i = 0; i < from.size(); i++) {
      weights.device().copy(from.get(i), to.get(i));
    }
  }

  /** Takes in the weights, where so many steps taken are a multiple of the interval. */
  void after(long steps) {
    if (steps % averaging.every() == 0) {
      update.run();
    }
  }

  /** The average as a model's weights, owned by this. */
  Weights weights() {
    return average;
  }

  @Override
  public void close() {
    average.close();
    control.close();
  }
}
