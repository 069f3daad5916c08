package rondo.engine.graph;

import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * A graph of forward operations evaluated in double precision by the plainest loops: the reference
 * that has nothing in common with any device. Integers are carried as doubles.
 */
final class Double64 {
  private final Map<Integer, double[]> values = new HashMap<>();

  private Double64() {}

  /** All values of a graph from its inputs; every operation must be a forward one. */
  static Double64 evaluate(List<Graph.Node> nodes, Map<Tensor, double[]> inputs) {
    var e = new Double64();
    inputs.forEach((t, v) -> e.values.put(t.id(), v));
    for (var node : nodes) {
      var outputs = e.apply(node.op());
      for (int i = 0; i < Math.min(outputs.length, node.outputs().size()); i++) {
        e.values.put(node.outputs().get(i).id(), outputs[i]);
      }
    }
    return e;
  }

  /** A value of the graph, row by row. */
  double[] of(Tensor t) {
    var value = values.get(t.id());
    if (value == null) {
      throw new IllegalStateException(t + " has no value");
    }
    return value;
  }

  private double[][] apply(Op op) {
    return switch (op) {
      case Add(var a, var b) -> one(plus(of(a), of(b)));
      case Scale(var x, var factor) -> one(scaled(of(x), factor));
      case Cast(var x, _) -> one(of(x)); // inputs that bf16 holds exactly are the tests' business
      case GatedSilu(var x) -> one(gatedSilu(of(x), x.shape().last() / 2));
      case MatMul m -> one(product(m));
      case Embedding(var table, var tokens, var scale, _) ->
          one(embedding(of(table), of(tokens), table.shape().last(), scale));
      case RmsNorm n -> rmsNorm(n);
      case Rotary r -> one(rotary(r));
      case Attention a -> one(attention(a));
      case LinearCrossEntropy l -> one(loss(l));
      case LinearDistillation l -> one(distillation(l));
      default -> throw new UnsupportedOperationException(op.getClass().getName());
    };
  }

  private static double[][] one(double[] output) {
    return new double[][] {output};
  }

  private static double[] plus(double[] a, double[] b) {
    var sum = a.clone();
    for (int i = 0; i < sum.length; i++) {
      sum[i] += b[i];
    }
    return sum;
  }

  private static double[] scaled(double[] x, double factor) {
    var y = x.clone();
    for (int i = 0; i < y.length; i++) {
      y[i] *= factor;
    }
    return y;
  }

  private static double[] gatedSilu(double[] x, int width) {
    var y = new double[x.length / 2];
    for (int i = 0; i < y.length; i++) {
      int row = i / width;
      double gate = x[row * 2 * width + i % width];
      y[i] = gate / (1 + Math.exp(-gate)) * x[row * 2 * width + width + i % width];
    }
    return y;
  }

  private double[] product(MatMul op) {
    var a = of(op.a());
    var b = of(op.b());
    int m = op.m();
    int n = op.n();
    int k = op.k();
    var out = new double[op.batch() * m * n];
    for (int at = 0; at < out.length; at++) {
      int batch = at / (m * n);
      int i = at / n % m;
      int j = at % n;
      double sum = 0;
      for (int l = 0; l < k; l++) {
        double left = a[batch * m * k + (op.transposeA() ? l * m + i : i * k + l)];
        double right = b[batch * k * n + (op.transposeB() ? j * k + l : l * n + j)];
        sum += left * right;
      }
      var c = op.c();
      out[at] = op.alpha() * sum + (c == null ? 0 : op.beta() * of(c)[at]);
    }
    return out;
  }

  private static double[] embedding(double[] table, double[] tokens, int width, double scale) {
    var y = new double[tokens.length * width];
    for (int i = 0; i < y.length; i++) {
      y[i] = scale * table[((int) tokens[i / width]) * width + i % width];
    }
    return y;
  }

  private double[][] rmsNorm(RmsNorm n) {
    var residual = n.residual();
    var sum = residual == null ? of(n.x()) : plus(of(n.x()), of(residual));
    int width = n.x().shape().last();
    var y = new double[sum.length];
    var rstd = new double[sum.length / width];
    var gain = of(n.gain());
    for (int row = 0; row < rstd.length; row++) {
      rstd[row] = rstd(sum, row * width, width, n.eps());
      for (int i = 0; i < width; i++) {
        y[row * width + i] = sum[row * width + i] * rstd[row] * gain[i];
      }
    }
    return new double[][] {y, rstd, sum};
  }

  private static double rstd(double[] x, int from, int width, double eps) {
    double squares = 0;
    for (int i = 0; i < width; i++) {
      squares += x[from + i] * x[from + i];
    }
    return 1 / Math.sqrt(squares / width + eps);
  }

  private double[] biasedOrNormed(Rotary r) {
    var out = of(r.qkv()).clone();
    var bias = r.bias();
    var queryGain = r.queryGain();
    var keyGain = r.keyGain();
    if (bias != null) {
      for (int i = 0; i < out.length; i++) {
        int column = i % r.heads().width();
        out[i] += column < of(bias).length ? of(bias)[column] : 0;
      }
    }
    if (queryGain != null && keyGain != null) {
      for (int from = 0; from < out.length; from += r.heads().width()) {
        norm(out, from, of(queryGain), r.eps());
        norm(out, from + r.heads().queryWidth(), of(keyGain), r.eps());
      }
    }
    return out;
  }

  private static void norm(double[] x, int from, double[] gain, double eps) {
    double rstd = rstd(x, from, gain.length, eps);
    for (int i = 0; i < gain.length; i++) {
      x[from + i] *= rstd * gain[i];
    }
  }

  private double[] rotary(Rotary r) {
    var h = r.heads();
    var out = biasedOrNormed(r);
    int half = h.size() / 2;
    for (int row = 0; row < out.length / h.width(); row++) {
      int position = (int) of(r.positions())[row];
      for (int head = 0; head < h.query() + h.keyValue(); head++) {
        for (int j = 0; j < half; j++) {
          int start = row * h.width() + head * h.size();
          int first = start + (r.interleaved() ? 2 * j : j);
          int second = start + (r.interleaved() ? 2 * j + 1 : j + half);
          double cos = of(r.table())[(position * half + j) * 2];
          double sin = of(r.table())[(position * half + j) * 2 + 1] * (r.inverse() ? -1 : 1);
          double a = out[first];
          double b = out[second];
          out[first] = a * cos - b * sin;
          out[second] = a * sin + b * cos;
        }
      }
    }
    return out;
  }

  private double[] attention(Attention op) {
    var h = op.heads();
    var x = of(op.qkv());
    int time = op.qkv().shape().dim(1);
    int rows = Math.toIntExact(op.qkv().shape().rows());
    var out = new double[rows * h.queryWidth()];
    for (int row = 0; row < rows; row++) {
      int first = row - row % time;
      for (int head = 0; head < h.query(); head++) {
        int shared = head / (h.query() / h.keyValue());
        var weights = new double[row - first + 1];
        double total = 0;
        for (int s = first; s <= row; s++) {
          double score = 0;
          for (int i = 0; i < h.size(); i++) {
            score +=
                x[row * h.width() + head * h.size() + i]
                    * x[s * h.width() + h.queryWidth() + shared * h.size() + i];
          }
          weights[s - first] = Math.exp(op.scale() * score);
          total += weights[s - first];
        }
        for (int s = first; s <= row; s++) {
          int value = s * h.width() + h.queryWidth() + h.keyWidth() + shared * h.size();
          for (int i = 0; i < h.size(); i++) {
            out[row * h.queryWidth() + head * h.size() + i] +=
                weights[s - first] / total * x[value + i];
          }
        }
      }
    }
    return out;
  }

  /** [mean cross-entropy, counted rows, mean divergence, what its gradients are of]. */
  private double[] distillation(LinearDistillation l) {
    var student = l.student();
    var own = loss(student);
    int vocabulary = student.head().shape().dim(0);
    var targets = of(student.targets());
    var q = softmax(student.x(), student.head(), l.temperature());
    var p = softmax(l.teacher(), l.teacherHead(), l.temperature());
    double sum = 0;
    for (int row = 0; row < targets.length; row++) {
      for (int i = row * vocabulary; targets[row] != -100 && i < (row + 1) * vocabulary; i++) {
        sum += p[i] * Math.log(p[i] / q[i]);
      }
    }
    double divergence = own[1] == 0 ? 0 : sum / own[1];
    double zLoss = own[2] - own[0];
    double mixed =
        (1 - l.weight()) * own[0] + l.weight() * l.temperature() * l.temperature() * divergence;
    return new double[] {own[0], own[1], divergence, mixed + zLoss};
  }

  private double[] softmax(Tensor x, Tensor head, double temperature) {
    var y = product(new MatMul(x, false, head, true, false, 1, null, 0, false));
    int n = head.shape().dim(0);
    for (int row = 0; row < y.length / n; row++) {
      double sum = 0;
      for (int i = row * n; i < (row + 1) * n; i++) {
        y[i] = Math.exp(y[i] / temperature);
        sum += y[i];
      }
      for (int i = row * n; i < (row + 1) * n; i++) {
        y[i] /= sum;
      }
    }
    return y;
  }

  /** [mean loss, counted rows, mean loss with z-loss: what its gradients are of]. */
  private double[] loss(LinearCrossEntropy l) {
    var logits = product(new MatMul(l.x(), false, l.head(), true, false, 1, null, 0, false));
    var targets = of(l.targets());
    int vocabulary = l.head().shape().dim(0);
    double sum = 0;
    double squares = 0;
    int counted = 0;
    for (int row = 0; row < targets.length; row++) {
      if (targets[row] != -100) {
        double exponentials = 0;
        for (int v = 0; v < vocabulary; v++) {
          exponentials += Math.exp(logits[row * vocabulary + v]);
        }
        sum += Math.log(exponentials) - logits[row * vocabulary + (int) targets[row]];
        squares += Math.pow(Math.log(exponentials), 2);
        counted++;
      }
    }
    double mean = counted == 0 ? 0 : sum / counted;
    return new double[] {mean, counted, counted == 0 ? 0 : mean + l.z() * squares / counted};
  }
}
