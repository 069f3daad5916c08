package rondo.engine.graph;

import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.jspecify.annotations.Nullable;

/**
 * A random function over [2, 3, width] values and its gradients: every way that values can live.
 */
final class RandomGraph {
  private static final int[] WIDTHS = {6, 12, 24};
  private static final Heads HEADS = new Heads(4, 2, 3 * 2);

  final Graph graph = new Graph();

  /** Supplied from outside. */
  final List<Tensor> inputs = new ArrayList<>();

  private final Random random;
  private final List<Tensor> pool = new ArrayList<>();
  private final List<Tensor> weights = new ArrayList<>();
  private final Tensor positions;
  private final Tensor table;

  RandomGraph(Random random) {
    this.random = random;
    positions = input("positions", TensorType.i32(2, 3));
    table = input("table", TensorType.f32(5, 3, 2));
    for (int width : WIDTHS) {
      pool.add(input("x" + width, TensorType.f32(2, 3, width)));
    }
    int forward = 3 + random.nextInt(12);
    for (int i = 0; i < forward; i++) {
      pool.addAll(keep(step()));
    }
    if (random.nextInt(4) > 0) {
      differentiate();
    }
  }

  private Tensor input(String name, TensorType type) {
    var t = graph.input(name, type);
    inputs.add(t);
    return t;
  }

  private Tensor weight(int... dims) {
    var w = input("w" + inputs.size(), TensorType.f32(dims));
    weights.add(w);
    return w;
  }

  /** Only what is as wide as the pool's values can be an operand again. */
  private static List<Tensor> keep(List<Tensor> outputs) {
    return outputs.stream().filter(t -> t.shape().rank() == 3 && t.shape().dim(1) == 3).toList();
  }

  private Tensor any() {
    return pool.get(random.nextInt(pool.size()));
  }

  private Tensor like(Tensor t) {
    var same = pool.stream().filter(o -> o.type().equals(t.type())).toList();
    return same.get(random.nextInt(same.size()));
  }

  private int width() {
    return WIDTHS[random.nextInt(WIDTHS.length)];
  }

  private List<Tensor> step() {
    var x = any();
    int width = x.shape().last();
    return graph.addAll(
        switch (random.nextInt(9)) {
          case 0 -> new Add(x, like(x));
          case 1 -> new Scale(x, 0.5f);
          case 2 -> MatMul.linear(x, weight(width(), width));
          case 3 -> {
            var c = any();
            yield MatMul.linear(x, weight(c.shape().last(), width), c);
          }
          case 4 -> new RmsNorm(x, null, weight(width), 0.1f);
          case 5 -> new RmsNorm(x, like(x), weight(width), 0.1f);
          case 6 -> attention(qkv(x));
          case 7 -> rotary(qkv(x), null, weight(24), weight(12));
          default -> new GatedSilu(graph.add(MatMul.linear(x, weight(2 * width, width))));
        });
  }

  private Tensor qkv(Tensor x) {
    return graph.add(MatMul.linear(x, weight(HEADS.width(), x.shape().last())));
  }

  private Op attention(Tensor qkv) {
    var bias = random.nextBoolean() ? weight(36) : null;
    return new Attention(graph.add(rotary(qkv, bias, null, null)), HEADS, 0.4f);
  }

  private Rotary rotary(
      Tensor qkv, @Nullable Tensor bias, @Nullable Tensor queryGain, @Nullable Tensor keyGain) {
    boolean interleaved = random.nextBoolean();
    return new Rotary(
        qkv, bias, queryGain, keyGain, 0.1f, positions, table, HEADS, interleaved, false);
  }

  private void differentiate() {
    var y = pool.get(pool.size() - 1 - random.nextInt(Math.min(3, pool.size())));
    Tensor dy = null;
    if (random.nextBoolean()) {
      var head = weight(11, y.shape().last());
      var targets = input("targets", TensorType.i32(2, 3));
      y = graph.add(new LinearCrossEntropy(y, head, targets, 1 + random.nextInt(6), 1));
    } else {
      dy = input("dy", y.type());
    }
    var reached = reaches(y);
    if (!reached.isEmpty()) {
      Gradients.of(y, dy, reached);
    }
  }

  /** Inputs on a path to {@code y} along differentiable operations. */
  private List<Tensor> reaches(Tensor y) {
    var needed = Program.ids(List.of(y));
    for (var node : graph.nodes().reversed()) {
      if (node.outputs().stream().anyMatch(t -> needed.contains(t.id()))) {
        boolean normed = needed.contains(node.outputs().getFirst().id());
        node.op().inputs().stream()
            // The gain of a norm has no part in the sum that it norms.
            .filter(t -> normed || !(node.op() instanceof RmsNorm n) || n.gain() != t)
            .forEach(t -> needed.add(t.id()));
      }
    }
    return inputs.stream()
        .filter(t -> t.dtype() == DType.F32 && t != table && t != y && needed.contains(t.id()))
        .toList();
  }

  /** Everything that an operation of this graph makes. */
  List<Tensor> values() {
    return graph.nodes().stream().flatMap(n -> n.outputs().stream()).toList();
  }
}
