package rondo.engine.graph;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Random;
import java.util.function.Function;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** A small function around every differentiable operation, each ending in a loss. */
final class GradientSamples {
  private GradientSamples() {}

  /** A function under test: its inputs with values, and its graph. */
  static final class Build {
    final Graph graph = new Graph();
    final Map<Tensor, double[]> inputs = new LinkedHashMap<>();
    final List<Tensor> wanted = new ArrayList<>();
    private final Random random;

    Build(long seed) {
      random = new Random(seed);
    }

    /** Normal values that f32 holds exactly, whose gradient is checked. */
    Tensor f32(String name, int... dims) {
      var t = graph.input(name, TensorType.f32(dims));
      inputs.put(t, random.doubles(t.shape().size(), 0, 1).map(_ -> normal()).toArray());
      wanted.add(t);
      return t;
    }

    /** Normal values with three significant digits in binary, which bf16 holds exactly. */
    Tensor coarse(String name, int... dims) {
      var t = f32(name, dims);
      inputs.computeIfPresent(
          t, (_, v) -> Arrays.stream(v).map(x -> Math.rint(x * 8) / 8).toArray());
      return t;
    }

    double[] values(Tensor input) {
      return Objects.requireNonNull(inputs.get(input));
    }

    private double normal() {
      return (float) random.nextGaussian();
    }

    Tensor i32(String name, int bound, int... dims) {
      var t = graph.input(name, TensorType.i32(dims));
      inputs.put(t, random.ints(t.shape().size(), 0, bound).asDoubleStream().toArray());
      return t;
    }

    Tensor positions(int... dims) {
      return i32("positions", 9, dims);
    }

    Tensor table(int size) {
      var t = graph.input("table", TensorType.f32(9, size / 2, 2));
      var values = new double[9 * size];
      for (int i = 0; i < values.length; i += 2) {
        double angle = random.nextDouble() * 6;
        values[i] = (float) Math.cos(angle);
        values[i + 1] = (float) Math.sin(angle);
      }
      inputs.put(t, values);
      return t;
    }

    Tensor add(Op op) {
      return graph.add(op);
    }

    /** With new positions and angles, and eps 0.1. */
    Tensor rotary(
        Tensor qkv,
        @Nullable Tensor bias,
        @Nullable Tensor queryGain,
        @Nullable Tensor keyGain,
        Heads heads) {
      var positions = positions(qkv.shape().dim(0), qkv.shape().dim(1));
      var table = table(heads.size());
      return add(
          new Rotary(qkv, bias, queryGain, keyGain, 0.1f, positions, table, heads, false, false));
    }

    /** A loss on top, with every third row ignored. */
    Tensor loss(Tensor x) {
      return loss(x, 2, 1);
    }

    Tensor loss(Tensor x, int chunk, float gradScale) {
      var head = f32("head", 11, x.shape().last());
      var targets = i32("targets", 11, Math.toIntExact(x.shape().rows()));
      var values = values(targets);
      for (int i = 1; i < values.length; i += 3) {
        values[i] = -100;
      }
      return add(new LinearCrossEntropy(x, head, targets, chunk, gradScale));
    }

    /** Of a student and a narrower teacher, whose values have no gradients. */
    Tensor distillation(float temperature, float weight, float z) {
      var teacher = List.of(f32("teacher", 7, 3), f32("teacher's head", 11, 3));
      wanted.removeAll(teacher);
      var x = f32("x", 7, 5);
      var targets = i32("targets", 11, 7);
      values(targets)[4] = -100;
      var own = new LinearCrossEntropy(x, f32("head", 11, 5), targets, 3, 0.5f, z);
      return add(new LinearDistillation(own, teacher.get(0), teacher.get(1), temperature, weight));
    }
  }

  record Case(String name, double tolerance, Function<Build, Tensor> loss) {
    @Override
    public String toString() {
      return name;
    }
  }

  private static Case of(String name, Function<Build, Tensor> loss) {
    return new Case(name, 1e-5, loss);
  }

  static Stream<Case> cases() {
    var grouped = new Heads(4, 2, 6);
    var single = new Heads(3, 3, 4);
    return Stream.of(
        of("add", b -> b.loss(b.add(new Add(b.f32("a", 2, 3, 7), b.f32("b", 2, 3, 7))))),
        of(
            "add to itself",
            b -> {
              var a = b.f32("a", 5, 7);
              return b.loss(b.add(new Add(b.add(new Add(a, a)), a)));
            }),
        of("scale", b -> b.loss(b.add(new Scale(b.f32("x", 5, 7), -0.7f)))),
        new Case(
            "cast there and back",
            1e-2,
            b -> {
              var low = b.add(new Cast(b.coarse("x", 5, 7), DType.BF16));
              return b.loss(b.add(new Cast(low, DType.F32)));
            }),
        of("gated silu", b -> b.loss(b.add(new GatedSilu(b.f32("x", 2, 3, 10))))),
        of(
            "product with transposed weight",
            b -> b.loss(b.add(MatMul.linear(b.f32("x", 2, 3, 7), b.f32("w", 9, 7))))),
        of(
            "product with transposed weight and addend",
            b ->
                b.loss(
                    b.add(
                        MatMul.linear(
                            b.f32("x", 2, 3, 7), b.f32("w", 9, 7), b.f32("c", 2, 3, 9))))),
        of(
            "product as stored",
            b ->
                b.loss(
                    b.add(
                        new MatMul(
                            b.f32("x", 5, 7),
                            false,
                            b.f32("w", 7, 9),
                            false,
                            false,
                            1,
                            null,
                            0,
                            false)))),
        of(
            "embedding",
            b ->
                b.loss(b.add(new Embedding(b.f32("table", 6, 7), b.i32("tokens", 6, 2, 5), 1.5f)))),
        of(
            "rms norm",
            b -> b.loss(b.add(new RmsNorm(b.f32("x", 2, 3, 7), null, b.f32("gain", 7), 0.1f)))),
        of(
            "rms norm of a sum",
            b ->
                b.loss(
                    b.add(
                        new RmsNorm(
                            b.f32("x", 6, 7), b.f32("residual", 6, 7), b.f32("gain", 7), 0.1f)))),
        of(
            "rms norm of a sum, both used",
            b -> {
              var y =
                  b.graph.addAll(
                      new RmsNorm(
                          b.f32("x", 6, 7), b.f32("residual", 6, 7), b.f32("gain", 7), 0.1f));
              return b.loss(b.add(new Add(y.get(0), y.get(2))));
            }),
        of(
            "rms norm of a value and itself, both used",
            b -> {
              var x = b.f32("x", 6, 7);
              var y = b.graph.addAll(new RmsNorm(x, x, b.f32("gain", 7), 0.1f));
              return b.loss(b.add(new Add(y.get(2), y.get(0))));
            }),
        of(
            "rotary with a bias of queries and keys",
            b -> {
              var qkv = b.f32("qkv", 2, 3, 48);
              return b.loss(b.rotary(qkv, b.f32("bias", 2, 1, 6, 3), null, null, grouped));
            }),
        of(
            "rotary with a norm of queries and keys",
            b -> {
              var qkv = b.f32("qkv", 2, 3, 48);
              return b.loss(b.rotary(qkv, null, b.f32("queries", 24), b.f32("keys", 12), grouped));
            }),
        of(
            "rotary in halves",
            b ->
                b.loss(
                    b.add(
                        new Rotary(
                            b.f32("qkv", 2, 3, 48),
                            b.positions(2, 3),
                            b.table(6),
                            grouped,
                            false,
                            false)))),
        of(
            "rotary in neighbours",
            b ->
                b.loss(
                    b.add(
                        new Rotary(
                            b.f32("qkv", 2, 3, 36),
                            b.positions(2, 3),
                            b.table(4),
                            single,
                            true,
                            false)))),
        of(
            "rotary backwards",
            b ->
                b.loss(
                    b.add(
                        new Rotary(
                            b.f32("qkv", 2, 3, 36),
                            b.positions(2, 3),
                            b.table(4),
                            single,
                            false,
                            true)))),
        of("attention", b -> b.loss(b.add(new Attention(b.f32("qkv", 2, 5, 36), single, 0.5f)))),
        of(
            "grouped attention",
            b -> b.loss(b.add(new Attention(b.f32("qkv", 2, 5, 48), grouped, 0.4f)))),
        of(
            "attention of one row",
            b -> b.loss(b.add(new Attention(b.f32("qkv", 3, 1, 48), grouped, 0.4f)))),
        of(
            "z-loss",
            b ->
                b.add(
                    new LinearCrossEntropy(
                        b.f32("x", 7, 5),
                        b.f32("head", 11, 5),
                        b.i32("targets", 11, 7),
                        3,
                        0.5f,
                        0.2f))),
        of("distillation", b -> b.distillation(2.5f, 0.75f, 0.2f)),
        of("divergence alone", b -> b.distillation(1, 1, 0)),
        of("loss in chunks at half scale", b -> b.loss(b.f32("x", 7, 5), 3, 0.5f)),
        of(
            "a tied head",
            b -> {
              var table = b.f32("table", 9, 7);
              var x = b.add(new Embedding(table, b.i32("tokens", 9, 2, 3), 1));
              return b.add(new LinearCrossEntropy(x, table, b.i32("targets", 9, 2, 3), 4, 1));
            }),
        of("a block", GradientSamples::block));
  }

  /** A pre-norm block of everything, so that contributions to one value meet. */
  private static Tensor block(Build b) {
    var h = new Heads(2, 1, 6);
    var x = b.f32("x", 2, 4, 8);
    var qkv =
        b.add(
            MatMul.linear(
                b.add(new RmsNorm(x, null, b.f32("gain 1", 8), 0.1f)), b.f32("w qkv", 24, 8)));
    qkv = b.rotary(qkv, null, b.f32("queries", 12), b.f32("keys", 6), h);
    var a = b.add(MatMul.linear(b.add(new Attention(qkv, h, 0.4f)), b.f32("w out", 8, 12)));
    var normed = b.graph.addAll(new RmsNorm(a, x, b.f32("gain 2", 8), 0.1f));
    var hidden = b.add(new GatedSilu(b.add(MatMul.linear(normed.get(0), b.f32("w fc", 10, 8)))));
    return b.loss(b.add(MatMul.linear(hidden, b.f32("w proj", 8, 5), normed.get(2))));
  }
}
