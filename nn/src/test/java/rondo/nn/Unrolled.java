package rondo.nn;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import rondo.engine.device.Buffer;
import rondo.engine.device.Device;
import rondo.engine.graph.DType;
import rondo.engine.graph.MatMul;
import rondo.engine.graph.Program;
import rondo.engine.graph.Tensor;
import rondo.engine.graph.TensorType;
import rondo.nn.depth.FixedStep;

/** A model traced as one program over all its depth: no loop, no memory in common. */
final class Unrolled {
  private final Device device;
  private final Weights weights;
  private final int batch;
  private final int time;
  private final Trace trace;
  private final Tensor tokens;
  private final Positions positions;

  Unrolled(Device device, Weights weights, int batch, int time, DType activations) {
    trace = new Trace(activations);
    this.device = device;
    this.weights = weights;
    this.batch = batch;
    this.time = time;
    int size = weights.model().config().block().headDim();
    tokens = trace.input("tokens", TensorType.i32(batch, time));
    positions =
        new Positions(
            trace.input("positions", TensorType.i32(batch, time)),
            trace.input("rotary table", TensorType.f32(time, size / 2, 2)));
  }

  /** Logits of a fixed-depth model. */
  float[] logits(int[] ids) {
    var model = (FixedModel) weights.model();
    var logits = head(model.features(trace, tokens, positions), model.head());
    return run(List.of(logits), Map.of(tokens, ids), Map.of()).getFirst();
  }

  /** By name, {@code logits_rN} and {@code state_rN} for N = 1 … {@code most} recurrences. */
  Map<String, float[]> recur(int[] ids, float[] initial, int most) {
    var model = (RecurrentModel) weights.model();
    int width = model.config().block().width();
    var start = trace.input("state", TensorType.of(trace.activations(), batch, time, width));
    var injection = model.injection(trace, tokens, positions);
    var results = new ArrayList<Tensor>();
    var state = start;
    for (int r = 1; r <= most; r++) {
      state = model.recur(trace, state, injection, positions);
      results.add(state);
      results.add(head(model.features(trace, state, positions), model.head()));
    }
    var values = run(results, Map.of(tokens, ids), Map.of(start, initial));
    var all = new TreeMap<String, float[]>();
    for (int r = 1; r <= most; r++) {
      all.put("state_r" + r, values.get(2 * r - 2));
      all.put("logits_r" + r, values.get(2 * r - 1));
    }
    return all;
  }

  private Tensor head(Tensor features, rondo.engine.weights.Parameter head) {
    return trace.graph().add(MatMul.linear(features, trace.parameter(head), DType.F32));
  }

  private List<float[]> run(
      List<Tensor> results, Map<Tensor, int[]> ids, Map<Tensor, float[]> values) {
    var given = new ArrayList<>(trace.parameters());
    given.add(positions.positions());
    given.add(positions.table());
    given.addAll(ids.keySet());
    given.addAll(values.keySet());
    var program = Program.slice("unrolled", trace.graph(), given, results, List.of());
    try (var working = new WorkingWeights(weights, trace.activations());
        var workspace = device.allocate("workspace", program.workspaceBytes());
        var memory = device.allocate("memory", bytes(given) + bytes(results))) {
      var b = new HashMap<Tensor, Buffer>(working.bind(trace));
      given.forEach(t -> b.computeIfAbsent(t, _ -> memory.next(t.type())));
      results.forEach(t -> b.put(t, memory.next(t.type())));
      FixedStep.writePositions(
          device,
          weights.model().config(),
          Golden.of(b, positions.positions()),
          Golden.of(b, positions.table()));
      ids.forEach((t, v) -> device.write(Golden.of(b, t), v));
      values.forEach((t, v) -> device.write(Golden.of(b, t), v));
      device.bind(program, b, workspace).run();
      return results.stream().map(t -> device.floats(Golden.of(b, t))).toList();
    }
  }

  private static long bytes(List<Tensor> tensors) {
    return tensors.stream().mapToLong(t -> t.type().bytes() + 256).sum();
  }
}
