package rondo.bench;

import java.util.ArrayList;
import java.util.List;
import rondo.engine.device.Device;
import rondo.engine.device.Executable;
import rondo.engine.graph.Attention;
import rondo.engine.graph.GatedSilu;
import rondo.engine.graph.Graph;
import rondo.engine.graph.Heads;
import rondo.engine.graph.LinearCrossEntropy;
import rondo.engine.graph.RmsNorm;
import rondo.engine.graph.Rotary;
import rondo.engine.graph.Tensor;
import rondo.engine.graph.TensorType;

/**
 * Other operations next to their bound: those that move memory beside a copy of as many bytes,
 * attention and the loss beside a square product.
 */
public final class KernelBench {
  private static final String COPY = "copy";
  private static final String PRODUCT = "product 1024³";

  private final Device device;
  private final Rounds rounds;
  private final List<Measurement> all = new ArrayList<>();

  private KernelBench(Device device, Rounds rounds) {
    this.device = device;
    this.rounds = rounds;
  }

  /** Measures every operation at the shapes of a training step and at larger ones. */
  public static List<Measurement> measure(Device device, StepConfig step, Rounds rounds) {
    var bench = new KernelBench(device, rounds);
    var block = step.model().block();
    int rows = step.batch() * step.time();
    var heads = new Heads(block.heads(), block.kvHeads(), block.headDim());
    bench.attention(step.batch(), step.time(), heads);
    bench.attention(4, 1024, new Heads(8, 4, 64));
    bench.attention(1, 2048, new Heads(16, 4, 64));
    bench.loss(rows, block.width(), step.model().vocabulary());
    bench.loss(1024, 512, 32_000);
    bench.rmsNorm(rows, block.width());
    bench.rmsNorm(4096, 2048);
    bench.gatedSilu(rows, block.hidden());
    bench.gatedSilu(4096, 5632);
    bench.rotary(step.batch(), step.time(), heads);
    bench.rotary(4, 2048, new Heads(16, 4, 64));
    return List.copyOf(bench.all);
  }

  private void attention(int batch, int time, Heads heads) {
    try (var w = new Workbench(device)) {
      var g = new Graph();
      var qkv =
          g.input("qkv", TensorType.f32(batch, time, heads.queryWidth() + 2 * kvWidth(heads)));
      float scale = (float) (1 / Math.sqrt(heads.size()));
      var op = new Attention(qkv, heads, scale);
      var y = g.addAll(op);
      var dy = g.input("dy", y.getFirst().type());
      var gradient = new Attention.Gradient(qkv, y.get(0), y.get(1), dy, heads, scale);
      var dqkv = g.add(gradient);
      var forward = w.bind("attention", g, List.of(qkv), y);
      forward.run(); // the gradient reads its log-sum-exp
      var backward = w.bind("gradient", g, List.of(qkv, y.get(0), y.get(1), dy), List.of(dqkv));
      var shape =
          "attention %d × %d, %d/%d heads of %d"
              .formatted(batch, time, heads.query(), heads.keyValue(), heads.size());
      besideProduct(shape, forward, op.flops());
      besideProduct(shape + ", gradient", backward, gradient.flops());
    }
  }

  private static int kvWidth(Heads heads) {
    return heads.keyValue() * heads.size();
  }

  private void loss(int rows, int width, int vocabulary) {
    try (var w = new Workbench(device)) {
      var g = new Graph();
      var x = g.input("x", TensorType.f32(rows, width));
      var head = g.input("head", TensorType.f32(vocabulary, width));
      var targets = g.input("targets", TensorType.i32(rows));
      int chunk = Math.min(rows, 256);
      var results = g.addAll(new LinearCrossEntropy(x, head, targets, chunk, 1));
      var run = w.bind("loss", g, List.of(x, head, targets), results);
      besideProduct(
          "loss and gradients %d × %d, vocabulary %d".formatted(rows, width, vocabulary),
          run,
          run.flops());
    }
  }

  private void rmsNorm(int rows, int width) {
    try (var w = new Workbench(device)) {
      var g = new Graph();
      var type = TensorType.f32(rows, width);
      var x = g.input("x", type);
      var residual = g.input("residual", type);
      var gain = g.input("gain", TensorType.f32(width));
      var op = new RmsNorm(x, residual, gain, 1e-5f);
      var y = g.addAll(op);
      var dy = g.input("dy", type);
      var carry = g.input("carry", type);
      var gradient = new RmsNorm.Gradient(y.get(2), gain, y.get(1), dy, carry);
      var d = g.addAll(gradient);
      var forward = w.bind("rms norm", g, List.of(x, residual, gain), y);
      forward.run();
      var given = List.of(y.get(2), gain, y.get(1), dy, carry);
      var shape = "rms_norm %d × %d".formatted(rows, width);
      besideCopy(w, shape, forward, op.bytes());
      besideCopy(w, shape + ", gradient", w.bind("gradient", g, given, d), gradient.bytes());
    }
  }

  private void gatedSilu(int rows, int width) {
    try (var w = new Workbench(device)) {
      var g = new Graph();
      var x = g.input("x", TensorType.f32(rows, 2 * width));
      var op = new GatedSilu(x);
      var y = g.add(op);
      var dy = g.input("dy", y.type());
      var gradient = new GatedSilu.Gradient(x, dy);
      var dx = g.add(gradient);
      var shape = "gated_silu %d × %d".formatted(rows, width);
      besideCopy(w, shape, w.bind("silu", g, List.of(x), List.of(y)), op.bytes());
      var backward = w.bind("gradient", g, List.of(x, dy), List.of(dx));
      besideCopy(w, shape + ", gradient", backward, gradient.bytes());
    }
  }

  private void rotary(int batch, int time, Heads heads) {
    try (var w = new Workbench(device)) {
      var g = new Graph();
      int width = heads.queryWidth() + 2 * kvWidth(heads);
      var qkv = g.input("qkv", TensorType.f32(batch, time, width));
      var positions = g.input("positions", TensorType.i32(batch, time));
      var table = g.input("table", TensorType.f32(time, heads.size() / 2, 2));
      var op = new Rotary(qkv, positions, table, heads, false, false);
      List<Tensor> given = List.of(qkv, positions, table);
      var run = w.bind("rotary", g, given, List.of(g.add(op)));
      besideCopy(w, "rotary %d × %d × %d".formatted(batch, time, width), run, op.bytes());
    }
  }

  private void besideProduct(String subject, Executable run, long flops) {
    try (var w = new Workbench(device)) {
      var g = new Graph();
      var p = new Product("", 1024, 1024, 1024, false, false);
      var a = g.input("a", p.aType());
      var b = g.input("b", p.bType());
      var product = w.bind("product", g, List.of(a, b), List.of(p.trace(g, a, b)));
      var timings = Timing.interleaved(rounds, List.of(run::run, product::run));
      add("compute", subject, Measurement.RONDO, timings.get(0), (double) flops, Unit.FLOPS);
      add("compute", subject, PRODUCT, timings.get(1), p.flops(), Unit.FLOPS);
    }
  }

  private void besideCopy(Workbench w, String subject, Executable run, long bytes) {
    var type = TensorType.f32(Math.toIntExact(bytes / 8)); // a copy reads and writes
    var from = w.allocate(type);
    var to = w.allocate(type);
    var timings = Timing.interleaved(rounds, List.of(run::run, () -> device.copy(from, to)));
    add("memory", subject, Measurement.RONDO, timings.get(0), (double) bytes, Unit.BYTES);
    add("memory", subject, COPY, timings.get(1), 2.0 * type.bytes(), Unit.BYTES);
  }

  private void add(String group, String subject, String who, Timing t, double work, Unit unit) {
    all.add(new Measurement(group, subject, who, t, work, unit));
  }
}
