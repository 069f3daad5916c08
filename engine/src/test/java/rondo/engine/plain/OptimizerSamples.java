package rondo.engine.plain;

import static rondo.engine.plain.Trial.BF16;
import static rondo.engine.plain.Trial.F32;

import java.lang.foreign.MemorySegment;
import java.util.stream.Stream;
import rondo.engine.plain.OperationSamples.Case;

final class OptimizerSamples {
  private static final double CLOSE = 2e-6;

  private OptimizerSamples() {}

  static Stream<Case> all() {
    Stream.Builder<Case> cases = Stream.builder();
    for (int n : new int[] {1, 7, 64, 4099}) {
      cases.add(new Case("sum of squares of " + n, t -> sumSquares(t, n)));
      cases.add(new Case("adamw of " + n, t -> adamw(t, n, 0.1f)));
      cases.add(new Case("adamw without decay of " + n, t -> adamw(t, n, 0)));
      cases.add(new Case("muon momentum of " + n, t -> momentum(t, n)));
      cases.add(new Case("muon apply f32 of " + n, t -> apply(t, n, F32)));
      cases.add(new Case("muon apply bf16 of " + n, t -> apply(t, n, BF16)));
    }
    cases.add(new Case("sum of squares of 200003", t -> sumSquares(t, 200_003)));
    cases.add(new Case("clip factor that clips", t -> clip(t, 9, 1, 1 / (3 + 1e-6))));
    cases.add(new Case("clip factor that does not", t -> clip(t, 9, 4, 1)));
    cases.add(new Case("clip factor without a limit", t -> clip(t, 9, 0, 1)));
    cases.add(new Case("clip factor with a negative limit", t -> clip(t, 9, -1, 1)));
    cases.add(new Case("clip factor of nothing", t -> clip(t, 0, 1, 1)));
    int[][] matrices = {{1, 1}, {3, 7}, {2, 64}, {5, 1031}, {2, 9001}};
    for (int[] m : matrices) {
      String shape = m[0] + " of " + m[1];
      cases.add(new Case("normalize f32 " + shape, t -> normalize(t, m[0], m[1], F32)));
      cases.add(new Case("normalize bf16 " + shape, t -> normalize(t, m[0], m[1], BF16)));
    }
    return cases.build();
  }

  private static double squares(double[] x, int from, int to) {
    double sum = 0;
    for (int i = from; i < to; i++) {
      sum += x[i] * x[i];
    }
    return sum;
  }

  private static void sumSquares(Trial t, int n) {
    double[] x = t.normal(n);
    MemorySegment out = t.output(1);
    t.on().sumSquares(t.input(x), n, out);
    t.expect("out", out, new double[] {squares(x, 0, n)}, 1e-7);
  }

  private static void clip(Trial t, double squares, float maxNorm, double factor) {
    MemorySegment out = t.output(2);
    t.on().clipFactor(t.input(new double[] {squares}), maxNorm, out);
    t.expect("out", out, new double[] {Math.sqrt(squares), factor}, 1e-6);
  }

  private static void adamw(Trial t, int n, float weightDecay) {
    float beta1 = 0.9f;
    float beta2 = 0.99f;
    float eps = 1e-6f;
    double[] p = t.normal(n);
    double[] m = t.normal(n, 0.1);
    double[] v = t.positive(n);
    MemorySegment weights = t.state(p);
    MemorySegment means = t.state(m);
    MemorySegment squares = t.state(v);
    // Two steps, for what the first leaves in m and v.
    for (int step = 1; step <= 2; step++) {
      double[] g = t.normal(n);
      double[] control =
          Trial.rounded(new double[] {0.01, 1 - Math.pow(beta1, step), 1 - Math.pow(beta2, step)});
      double[] clip = Trial.rounded(new double[] {3, 0.7});
      for (int i = 0; i < n; i++) {
        double clipped = g[i] * clip[1];
        m[i] = beta1 * m[i] + (1.0 - beta1) * clipped;
        v[i] = beta2 * v[i] + (1.0 - beta2) * clipped * clipped;
        double update = m[i] / control[1] / (Math.sqrt(v[i] / control[2]) + eps);
        p[i] = p[i] * (1 - control[0] * weightDecay) - control[0] * update;
      }
      t.on()
          .adamw(
              weights,
              t.input(g),
              means,
              squares,
              t.input(control),
              t.input(clip),
              n,
              beta1,
              beta2,
              eps,
              weightDecay);
    }
    t.expect("p", weights, p, CLOSE);
    t.expect("m", means, m, CLOSE);
    t.expect("v", squares, v, CLOSE);
  }

  private static void momentum(Trial t, int n) {
    float momentum = 0.95f;
    double[] m = t.normal(n);
    double[] g = t.normal(n);
    double[] clip = Trial.rounded(new double[] {3, 0.7});
    double[] means = new double[n];
    double[] expected = new double[n];
    for (int i = 0; i < n; i++) {
      double clipped = g[i] * clip[1];
      means[i] = momentum * m[i] + (1.0 - momentum) * clipped;
      expected[i] = (1.0 - momentum) * clipped + momentum * means[i];
    }
    MemorySegment state = t.state(m);
    MemorySegment u = t.output(n);
    t.on().muonMomentum(state, t.input(g), t.input(clip), n, momentum, u);
    t.expect("m", state, means, CLOSE);
    t.expect("u", u, expected, CLOSE);
  }

  /** The last matrix is zero: eps keeps it so. */
  private static void normalize(Trial t, int batch, int n, int type) {
    float eps = 1e-7f;
    double[] x = t.normal(batch * n);
    double[] expected = new double[batch * n];
    for (int e = 0; e < batch; e++) {
      double norm = Math.sqrt(squares(x, e * n, (e + 1) * n)) + eps;
      for (int i = e * n; i < (e + 1) * n; i++) {
        x[i] = batch > 1 && e == batch - 1 ? 0 : x[i];
        expected[i] = x[i] / norm;
      }
    }
    MemorySegment out = t.output(batch * n, type);
    t.on().normalizeMatrices(t.input(x), batch, n, eps, out, type);
    t.expect("out", out, type, expected, type == BF16 ? 0x1p-8 : CLOSE);
  }

  private static void apply(Trial t, int n, int type) {
    float weightDecay = 0.1f;
    float scale = 0.2f;
    double[] p = t.normal(n);
    double[] o = t.normalOf(type, n);
    double[] control = Trial.rounded(new double[] {0.02, 1, 1});
    double[] expected = new double[n];
    for (int i = 0; i < n; i++) {
      expected[i] = p[i] - control[0] * (weightDecay * p[i] + scale * o[i]);
    }
    MemorySegment weights = t.state(p);
    t.on().muonApply(weights, t.input(o, type), type, t.input(control), n, scale, weightDecay);
    t.expect("p", weights, expected, CLOSE);
  }
}
