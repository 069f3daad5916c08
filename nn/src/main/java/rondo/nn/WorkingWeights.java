package rondo.nn;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import rondo.engine.device.Buffer;
import rondo.engine.device.Device;
import rondo.engine.device.Executable;
import rondo.engine.device.Region;
import rondo.engine.graph.Cast;
import rondo.engine.graph.DType;
import rondo.engine.graph.Graph;
import rondo.engine.graph.Program;
import rondo.engine.graph.Tensor;
import rondo.engine.weights.Parameter;
import rondo.engine.weights.ParameterLayout;

/**
 * What programs read of a model's parameters: the f32 weights themselves or, for bf16 activations,
 * bf16 copies of its matrices that follow the weights when refreshed. Gains and biases are always
 * read in f32.
 */
public final class WorkingWeights implements AutoCloseable {
  private final Weights weights;
  private final DType activations;
  private final @Nullable Region copies;
  private final @Nullable Executable copying;

  /** Those of a model, whose region must outlive them; current from the start. */
  public WorkingWeights(Weights weights, DType activations) {
    this.weights = weights;
    this.activations = activations;
    var device = weights.device();
    if (activations == DType.F32) {
      copies = null;
      copying = null;
      return;
    }
    copies = device.allocate("weights in " + activations, bytes(layout(), activations));
    try {
      copying = copying(device, copies);
    } catch (RuntimeException | Error e) {
      copies.close();
      throw e;
    }
    refresh();
  }

  /** Bytes of the copies; none in f32. */
  public static long bytes(ParameterLayout layout, DType activations) {
    return activations == DType.F32 ? 0 : activations.bytes() * layout.elements();
  }

  /** One cast for each run of adjacent matrices. */
  private Executable copying(Device device, Region to) {
    var graph = new Graph();
    var given = new ArrayList<Tensor>();
    var results = new ArrayList<Tensor>();
    var bindings = new HashMap<Tensor, Buffer>();
    for (var run : layout().matrixRuns()) {
      var from = layout().run(weights.region(), run.offset(), run.count());
      var x = graph.input("weights", from.type());
      var y = graph.add(new Cast(x, activations));
      given.add(x);
      results.add(y);
      bindings.put(x, from);
      bindings.put(y, to.at(activations.bytes() * run.offset(), y.type()));
    }
    var program = Program.slice("copies of weights", graph, given, results, List.of());
    return device.bind(program, bindings, to); // casts need no workspace
  }

  /** Makes the copies those of the weights as they are now. */
  public void refresh() {
    if (copying != null) {
      copying.run();
    }
  }

  public ParameterLayout layout() {
    return weights.layout();
  }

  public DType activations() {
    return activations;
  }

  Buffer of(Parameter p) {
    return copies == null || p.group() == Parameter.Group.GAIN
        ? weights.of(p)
        : layout().of(p, copies, activations);
  }

  /** Binds each parameter that a function used. */
  public Map<Tensor, Buffer> bind(Trace trace) {
    return trace.bind(this::of);
  }

  @Override
  public void close() {
    if (copies != null) {
      copies.close();
    }
  }
}
