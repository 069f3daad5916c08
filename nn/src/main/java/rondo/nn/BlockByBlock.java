package rondo.nn;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import rondo.engine.device.Buffer;
import rondo.engine.device.Device;
import rondo.engine.device.Region;
import rondo.engine.graph.Embedding;
import rondo.engine.graph.MatMul;
import rondo.engine.graph.Program;
import rondo.engine.graph.Tensor;
import rondo.engine.graph.TensorType;
import rondo.engine.weights.Parameter;

/**
 * One row of tokens through a model, a part at a time, with every hidden state to look at; the
 * adapter of a recurrent model is passed by, as [0 | I] on the state zero.
 */
final class BlockByBlock implements AutoCloseable {
  /** A part of a model: what is before it → what is after it; state is the zero state. */
  private interface Part {
    Tensor apply(Trace t, Tensor x, Positions places, Tensor state);
  }

  private final Weights weights;
  private final Device device;
  private final Region region;
  private final Buffer tokens;
  private final Buffer positions;
  private final Buffer table;
  private final Buffer zero;

  /** The adapter of a recurrent model; unused in others. */
  private final Buffer identity;

  private Buffer hidden;
  private Buffer next;

  BlockByBlock(Weights weights, int[] ids) {
    this.weights = weights;
    device = weights.device();
    var config = weights.model().config();
    int time = ids.length;
    int width = config.block().width();
    var adapterType = TensorType.f32(width, 2 * width);
    var idsType = TensorType.i32(1, time);
    var tableType = TensorType.f32(time, config.block().headDim() / 2, 2);
    var hiddenType = TensorType.f32(1, time, width);
    region =
        device.allocate(
            "hidden states",
            2 * Region.aligned(idsType.bytes())
                + Region.aligned(tableType.bytes())
                + 3 * Region.aligned(hiddenType.bytes())
                + Region.aligned(adapterType.bytes()));
    tokens = region.next(idsType);
    positions = region.next(idsType);
    table = region.next(tableType);
    zero = region.next(hiddenType);
    hidden = region.next(hiddenType);
    next = region.next(hiddenType);
    identity = region.next(adapterType);
    device.write(tokens, ids);
    device.write(positions, IntStream.range(0, time).toArray());
    device.write(table, Positions.table(config.block().rope(), time, config.block().headDim()));
    device.zero(zero);
    device.write(identity, Retrofit.identity(width));
  }

  /** The hidden state now, [1, time, width]. */
  float[] hidden() {
    return device.floats(hidden);
  }

  void embed(Parameter matrix) {
    float scale = (float) weights.model().config().embedScale();
    run(
        tokens,
        (t, ids, _, _) ->
            t.graph().add(new Embedding(t.parameter(matrix), ids, scale, t.activations())));
  }

  void block(Block block) {
    run(hidden, (t, x, places, _) -> block.apply(t, x, places));
  }

  void norm(Norm norm) {
    run(hidden, (t, x, _, _) -> norm.apply(t, x));
  }

  /** A·[0; e] = e. */
  void adapt(RecurrentModel model) {
    int width = model.config().block().width();
    run(
        hidden,
        (t, e, _, state) -> {
          var injection = t.graph().add(MatMul.linear(e, t.view(model.adapter(), width, width)));
          return t.graph().add(MatMul.linear(state, t.view(model.adapter(), 0, width), injection));
        });
  }

  /** Logits [1, time, vocabulary] of the hidden state. */
  float[] logits(Parameter head) {
    return result(hidden, (t, x, _, _) -> t.graph().add(MatMul.linear(x, t.parameter(head))));
  }

  /** Logits of the whole model after one recurrence, as its own functions make them. */
  float[] logits(RecurrentModel model) {
    return result(
        tokens,
        (t, ids, places, state) -> {
          var injection = model.injection(t, ids, places);
          var after = model.recur(t, state, injection, places);
          var features = model.features(t, after, places);
          return t.graph().add(MatMul.linear(features, t.parameter(model.head())));
        });
  }

  private void run(Buffer from, Part part) {
    new Traced(from, part).into(next);
    var before = hidden;
    hidden = next;
    next = before;
  }

  private float[] result(Buffer from, Part part) {
    var traced = new Traced(from, part);
    try (var out = device.allocate("logits", Region.aligned(traced.y.type().bytes()))) {
      var y = out.next(traced.y.type());
      traced.into(y);
      return device.floats(y);
    }
  }

  private final class Traced {
    private final Trace t = new Trace();
    private final Map<Tensor, Buffer> given = new HashMap<>();
    private final Tensor y;

    Traced(Buffer from, Part part) {
      var x = input("x", from);
      var places = new Positions(input("positions", positions), input("rotary table", table));
      y = part.apply(t, x, places, input("state", zero));
    }

    private Tensor input(String name, Buffer buffer) {
      var input = t.input(name, buffer.type());
      given.put(input, buffer);
      return input;
    }

    void into(Buffer to) {
      given.putAll(t.bind(BlockByBlock.this::memory));
      var program =
          Program.slice("part", t.graph(), List.copyOf(given.keySet()), List.of(y), List.of());
      given.put(y, to);
      try (var workspace = device.allocate("workspace", program.workspaceBytes())) {
        device.bind(program, given, workspace).run();
        device.synchronize();
      }
    }
  }

  private Buffer memory(Parameter p) {
    return weights.model() instanceof RecurrentModel recurrent && p.equals(recurrent.adapter())
        ? identity
        : weights.of(p);
  }

  @Override
  public void close() {
    region.close();
  }
}
