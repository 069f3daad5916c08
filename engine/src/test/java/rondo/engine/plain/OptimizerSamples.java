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
      for (boolean clipped : new boolean[] {true, false}) {
        for (boolean atan2 : new boolean[] {true, false}) {
          var name =
              "ellis-adam of %d%s%s"
                  .formatted(n, clipped ? ", clipped" : "", atan2 ? ", atan2" : "");
          cases.add(new Case(name, t -> ellisAdam(t, n, clipped, atan2)));
        }
      }
      cases.add(new Case("muon momentum of " + n, t -> momentum(t, n)));
      cases.add(new Case("muon apply f32 of " + n, t -> apply(t, n, F32)));
      cases.add(new Case("muon apply bf16 of " + n, t -> apply(t, n, BF16)));
    }
    cases.add(new Case("ellis-adam of 200003", t -> ellisAdam(t, 200_003, true, true)));
    cases.add(new Case("ellis-adam refuses eps 0", OptimizerSamples::refusesEps));
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

  /**
   * Three steps: from moments that begin, on to gradients so much larger that updates are clipped.
   * The first element's gradients are so small that eps² is its second moment.
   */
  private static void ellisAdam(Trial t, int n, boolean clipped, boolean atan2) {
    float beta1 = 0.9f;
    float beta2 = 0.99f;
    float eps = 1e-3f;
    float weightDecay = 0.1f;
    double[] p = t.normal(n);
    double[] m = t.normal(n);
    double[] v = t.positive(n);
    MemorySegment weights = t.state(p);
    MemorySegment means = t.state(m);
    MemorySegment squares = t.state(v);
    for (int step = 1; step <= 3; step++) {
      double[] g = t.normal(n, Math.pow(8, step));
      g[0] = (float) (1e-5 * g[0]);
      double unbias1 = 1 - Math.pow(beta1, step);
      double unbias2 = 1 - Math.pow(beta2, step);
      double[] control =
          Trial.rounded(new double[] {0.01, unbias1, unbias2, 0.25, step == 1 ? 1 : 0});
      double[] clip = Trial.rounded(new double[] {3, 0.7});
      double ratios = 0;
      for (int i = 0; i < n; i++) {
        double d = g[i] * clip[1];
        if (step == 1) {
          m[i] = d;
          v[i] = d * d;
        }
        m[i] += (1.0 - beta1) * (d - m[i]);
        v[i] = beta2 * v[i] + (1.0 - beta2) * d * d;
        if (clipped) {
          v[i] = Math.max(v[i], (double) eps * eps);
          ratios += d * d / v[i];
        }
      }
      double alpha = control[0] / Math.max(1, Math.sqrt(ratios / n)) / control[1];
      for (int i = 0; i < n; i++) {
        double size = Math.sqrt(v[i]) / Math.sqrt(control[2]);
        double update = atan2 ? Math.atan2(m[i], size) : m[i] / (size + eps);
        p[i] = p[i] * (1 - control[3] * weightDecay) - alpha * update;
      }
      t.on()
          .ellisAdam(
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
              weightDecay,
              clipped ? 1 : 0,
              atan2 ? 1 : 0);
    }
    t.expect("p", weights, p, CLOSE);
    t.expect("m", means, m, CLOSE);
    t.expect("v", squares, v, CLOSE);
  }

  private static void refusesEps(Trial t) {
    MemorySegment x = t.input(t.normal(5));
    MemorySegment state = t.state(t.normal(5));
    t.expectRefusal(
        () -> t.on().ellisAdam(state, x, state, state, x, x, 5, 0.9f, 0.9f, 0, 0, 1, 1));
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
