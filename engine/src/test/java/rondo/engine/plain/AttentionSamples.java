package rondo.engine.plain;

import static rondo.engine.plain.Trial.NONE;

import java.lang.foreign.MemorySegment;
import java.util.stream.Stream;
import rondo.engine.plain.OperationSamples.Case;

final class AttentionSamples {
  private static final double CLOSE = 1e-5;

  private AttentionSamples() {}

  private record Shape(int batch, int time, int heads, int kvHeads, int dim) {
    int width() {
      return (heads + 2 * kvHeads) * dim;
    }

    int all() {
      return batch * time * width();
    }

    int outs() {
      return batch * time * heads * dim;
    }

    float scale() {
      return (float) (1 / Math.sqrt(dim));
    }

    int query(int b, int t, int h) {
      return (b * time + t) * width() + h * dim;
    }

    int key(int b, int t, int h) {
      return (b * time + t) * width() + (heads + h / (heads / kvHeads)) * dim;
    }

    int value(int b, int t, int h) {
      return key(b, t, h) + kvHeads * dim;
    }

    int out(int b, int t, int h) {
      return ((b * time + t) * heads + h) * dim;
    }

    int lse(int b, int t, int h) {
      return (b * heads + h) * time + t;
    }

    @Override
    public String toString() {
      return " " + batch + " x " + time + ", " + heads + "/" + kvHeads + " heads of " + dim;
    }
  }

  static Stream<Case> all() {
    Stream.Builder<Case> cases = Stream.builder();
    Shape[] shapes = {
      new Shape(1, 1, 1, 1, 4),
      new Shape(3, 1, 4, 2, 16),
      new Shape(2, 5, 2, 1, 5),
      new Shape(1, 33, 6, 2, 64),
      new Shape(2, 67, 4, 4, 16),
      new Shape(1, 130, 3, 1, 32),
      new Shape(1, 65, 2, 1, 128),
      // More keys than a blocked kernel stores at a time.
      new Shape(1, 600, 2, 1, 256)
    };
    for (Shape s : shapes) {
      cases.add(Case.typed("attention" + s, t -> attention(t, s, 1, true)));
      cases.add(Case.typed("attention without lse" + s, t -> attention(t, s, 1, false)));
      cases.add(Case.typed("attention gradient" + s, t -> grad(t, s, 1)));
    }
    // Scores of several hundred: exponentials must be taken relative to the largest.
    Shape steep = new Shape(1, 19, 2, 1, 16);
    cases.add(Case.typed("attention with large scores", t -> attention(t, steep, 12, true)));
    for (Shape s : new Shape[] {new Shape(2, 5, 2, 1, 5), new Shape(1, 130, 3, 1, 32)}) {
      cases.add(Case.typed("attention before an infinite value" + s, t -> infinite(t, s)));
    }
    for (Shape s : new Shape[] {new Shape(1, 3, 2, 1, 4), new Shape(2, 5, 3, 3, 3)}) {
      cases.add(new Case("attention gradient by differences" + s, t -> differences(t, s)));
    }
    int[][] caches = {{1, 1, 1, 1, 4}, {2, 1, 4, 2, 16}, {3, 5, 6, 3, 10}, {2, 33, 3, 1, 64}};
    for (int[] c : caches) {
      Shape s = new Shape(c[0], c[1], c[2], c[3], c[4]);
      cases.add(Case.typed("cache append" + s, t -> append(t, s)));
      cases.add(Case.typed("cached attention" + s, t -> cached(t, s, 90, false)));
    }
    for (Shape s : new Shape[] {new Shape(3, 5, 6, 3, 10), new Shape(2, 33, 3, 1, 64)}) {
      cases.add(
          Case.typed("cached attention before an infinite value" + s, t -> cached(t, s, 90, true)));
    }
    cases.add(
        Case.typed(
            "cached attention over 700 slots",
            t -> cached(t, new Shape(2, 1, 4, 2, 32), 700, false)));
    cases.add(
        Case.typed(
            "cached attention over 700 wide slots",
            t -> cached(t, new Shape(1, 33, 2, 1, 256), 700, false)));
    cases.add(new Case("cache append refuses a full cache", t -> refuses(t, 3, true)));
    cases.add(new Case("cache append refuses slot -1", t -> refuses(t, -1, true)));
    cases.add(new Case("cached attention refuses a full cache", t -> refuses(t, 3, false)));
    return cases.build();
  }

  // ---- float64

  /** The probabilities of one query over keys 0..t, and its log-sum-exp behind them. */
  private static double[] probabilities(double[] qkv, Shape s, double scale, int b, int t, int h) {
    double[] p = new double[t + 2];
    double max = Double.NEGATIVE_INFINITY;
    for (int j = 0; j <= t; j++) {
      for (int i = 0; i < s.dim; i++) {
        p[j] += scale * qkv[s.query(b, t, h) + i] * qkv[s.key(b, j, h) + i];
      }
      max = Math.max(max, p[j]);
    }
    double sum = 0;
    for (int j = 0; j <= t; j++) {
      sum += Math.exp(p[j] - max);
    }
    double lse = max + Math.log(sum);
    for (int j = 0; j <= t; j++) {
      p[j] = Math.exp(p[j] - lse);
    }
    p[t + 1] = lse;
    return p;
  }

  private static double[] attend(double[] qkv, Shape s, double scale, double[] lse) {
    double[] out = new double[s.outs()];
    for (int b = 0; b < s.batch; b++) {
      for (int h = 0; h < s.heads; h++) {
        for (int t = 0; t < s.time; t++) {
          double[] p = probabilities(qkv, s, scale, b, t, h);
          lse[s.lse(b, t, h)] = p[t + 1];
          for (int j = 0; j <= t; j++) {
            for (int i = 0; i < s.dim; i++) {
              out[s.out(b, t, h) + i] += p[j] * qkv[s.value(b, j, h) + i];
            }
          }
        }
      }
    }
    return out;
  }

  /** Through the Jacobian of the softmax, from the saved output as it is stored. */
  private static double[] attendGrad(
      double[] qkv, double[] out, double[] dout, Shape s, double scale) {
    double[] dqkv = new double[s.all()];
    for (int b = 0; b < s.batch; b++) {
      for (int h = 0; h < s.heads; h++) {
        for (int t = 0; t < s.time; t++) {
          double[] p = probabilities(qkv, s, scale, b, t, h);
          double[] dp = new double[t + 1];
          double mean = 0;
          for (int j = 0; j <= t; j++) {
            for (int i = 0; i < s.dim; i++) {
              dp[j] += dout[s.out(b, t, h) + i] * qkv[s.value(b, j, h) + i];
              dqkv[s.value(b, j, h) + i] += p[j] * dout[s.out(b, t, h) + i];
            }
          }
          for (int i = 0; i < s.dim; i++) {
            mean += out[s.out(b, t, h) + i] * dout[s.out(b, t, h) + i];
          }
          for (int j = 0; j <= t; j++) {
            double ds = scale * p[j] * (dp[j] - mean);
            for (int i = 0; i < s.dim; i++) {
              dqkv[s.query(b, t, h) + i] += ds * qkv[s.key(b, j, h) + i];
              dqkv[s.key(b, j, h) + i] += ds * qkv[s.query(b, t, h) + i];
            }
          }
        }
      }
    }
    return dqkv;
  }

  // ---- samples

  private static void attention(Trial t, Shape s, double std, boolean wantsLse) {
    check(t, s, t.activations(s.all(), std), std, wantsLse);
  }

  /** What a later token says reaches no earlier one, even by way of zero times infinity. */
  private static void infinite(Trial t, Shape s) {
    double[] qkv = t.activations(s.all());
    for (int b = 0; b < s.batch; b++) {
      qkv[s.value(b, s.time - 1, 0)] = Double.POSITIVE_INFINITY;
    }
    check(t, s, qkv, 1, true);
  }

  private static void check(Trial t, Shape s, double[] qkv, double std, boolean wantsLse) {
    double[] lse = new double[s.batch * s.heads * s.time];
    double[] expected = attend(qkv, s, s.scale(), lse);
    MemorySegment out = t.result(s.outs());
    MemorySegment sums = wantsLse ? t.output(lse.length) : NONE;
    t.on()
        .attention(
            t.type(),
            t.activation(qkv),
            s.batch,
            s.time,
            s.heads,
            s.kvHeads,
            s.dim,
            s.scale(),
            out,
            sums);
    // An error of a score is relative to its size, and the exponential makes it one of the output.
    // Rounded are probabilities and results; a row of few keys has terms of twice the rms of all
    // rows.
    t.expectActivations("out", out, expected, CLOSE * std * std, 4);
    if (wantsLse) {
      t.expect("lse", sums, lse, CLOSE);
    }
  }

  private static MemorySegment runGrad(
      Trial t, Shape s, double[] qkv, double[] out, double[] lse, double[] dout) {
    MemorySegment dqkv = t.result(s.all());
    t.on()
        .attentionGrad(
            t.type(),
            t.activation(qkv),
            t.activation(out),
            t.input(Trial.rounded(lse)),
            t.activation(dout),
            s.batch,
            s.time,
            s.heads,
            s.kvHeads,
            s.dim,
            s.scale(),
            t.output(lse.length),
            dqkv);
    return dqkv;
  }

  private static void grad(Trial t, Shape s, double std) {
    double[] qkv = t.activations(s.all(), std);
    double[] dout = t.activations(s.outs());
    double[] lse = new double[s.batch * s.heads * s.time];
    double[] out = Trial.rounded(t.type(), attend(qkv, s, s.scale(), lse));
    MemorySegment dqkv = runGrad(t, s, qkv, out, lse, dout);
    // The probabilities and their gradients are operands of products; terms as above.
    t.expectActivations("dqkv", dqkv, attendGrad(qkv, out, dout, s, s.scale()), CLOSE, 6);
  }

  private static void differences(Trial t, Shape s) {
    double[] qkv = t.normal(s.all());
    double[] dout = t.normal(s.outs());
    double[] lse = new double[s.batch * s.heads * s.time];
    double[] out = attend(qkv, s, s.scale(), lse);
    MemorySegment dqkv = runGrad(t, s, qkv, out, lse, dout);
    double[] unused = new double[lse.length];
    double[] expected =
        Trial.differences(qkv, v -> Trial.dot(dout, attend(v, s, s.scale(), unused)));
    t.expect("dqkv", dqkv, expected, CLOSE);
  }

  /** Ragged: one sequence at its beginning, one that fills the cache, others in between. */
  private static int[] starts(Trial t, Shape s, int capacity) {
    int[] starts = t.below(capacity - s.time + 1, s.batch);
    starts[0] = 0;
    starts[s.batch - 1] = capacity - s.time;
    return starts;
  }

  private static void append(Trial t, Shape s) {
    int capacity = s.time + 7;
    int pair = 2 * s.kvHeads * s.dim;
    double[] qkv = t.activations(s.all());
    double[] cache = t.activations(s.batch * capacity * pair);
    int[] starts = starts(t, s, capacity);
    double[] expected = cache.clone();
    for (int b = 0; b < s.batch; b++) {
      for (int i = 0; i < s.time; i++) {
        int slot = (b * capacity + starts[b] + i) * pair;
        System.arraycopy(qkv, s.key(b, i, 0), expected, slot, pair);
      }
    }
    MemorySegment memory = t.changing(cache);
    t.on()
        .cacheAppend(
            t.type(),
            t.activation(qkv),
            t.input(starts),
            s.batch,
            s.time,
            s.heads,
            s.kvHeads,
            s.dim,
            capacity,
            memory);
    t.expect("cache", memory, t.type(), expected, 0);
  }

  private static void cached(Trial t, Shape s, int capacity, boolean infinite) {
    int half = s.kvHeads * s.dim;
    double[] qkv = t.activations(s.all());
    double[] cache = t.activations(s.batch * capacity * 2 * half);
    int[] starts = starts(t, s, capacity);
    double[] expected = new double[s.outs()];
    for (int b = 0; b < s.batch; b++) {
      if (infinite) {
        int last = starts[b] + s.time - 1;
        cache[(b * capacity + last) * 2 * half + half] = Double.POSITIVE_INFINITY;
      }
      for (int h = 0; h < s.heads; h++) {
        int head = h / (s.heads / s.kvHeads) * s.dim;
        for (int i = 0; i < s.time; i++) {
          double[] weights = new double[starts[b] + i + 1];
          double sum = 0;
          for (int j = 0; j < weights.length; j++) {
            int key = (b * capacity + j) * 2 * half + head;
            double score = 0;
            for (int c = 0; c < s.dim; c++) {
              score += qkv[s.query(b, i, h) + c] * cache[key + c];
            }
            weights[j] = Math.exp(s.scale() * score);
            sum += weights[j];
          }
          for (int j = 0; j < weights.length; j++) {
            int value = (b * capacity + j) * 2 * half + half + head;
            for (int c = 0; c < s.dim; c++) {
              expected[s.out(b, i, h) + c] += weights[j] / sum * cache[value + c];
            }
          }
        }
      }
      // What no query sees is never read.
      for (int j = starts[b] + s.time; j < capacity; j++) {
        for (int c = 0; c < 2 * half; c++) {
          cache[(b * capacity + j) * 2 * half + c] = Double.NaN;
        }
      }
      for (int i = 0; i < s.time; i++) {
        for (int c = 0; c < 2 * half; c++) {
          qkv[s.key(b, i, 0) + c] = Double.NaN;
        }
      }
    }
    MemorySegment out = t.result(s.outs());
    t.on()
        .cachedAttention(
            t.type(),
            t.activation(qkv),
            t.activation(cache),
            t.input(starts),
            s.batch,
            s.time,
            s.heads,
            s.kvHeads,
            s.dim,
            capacity,
            s.scale(),
            out);
    t.expectActivations("out", out, expected, CLOSE, 4);
  }

  private static void refuses(Trial t, int start, boolean append) {
    Shape s = new Shape(2, 2, 1, 1, 4);
    int capacity = 4;
    MemorySegment qkv = t.input(t.normal(s.all()));
    MemorySegment cache = t.state(t.normal(s.batch * capacity * 2 * s.dim));
    MemorySegment starts = t.input(1, start);
    MemorySegment out = t.output(s.outs());
    t.expectRefusal(
        append
            ? () -> t.on().cacheAppend(Trial.F32, qkv, starts, 2, 2, 1, 1, s.dim, capacity, cache)
            : () ->
                t.on()
                    .cachedAttention(
                        Trial.F32, qkv, cache, starts, 2, 2, 1, 1, s.dim, capacity, 1, out));
  }
}
