package rondo.engine.plain;

import static rondo.engine.plain.Trial.BF16;
import static rondo.engine.plain.Trial.F32;
import static rondo.engine.plain.Trial.I64;

import java.lang.foreign.MemorySegment;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import rondo.engine.plain.OperationSamples.Case;

final class ElementwiseSamples {
  private static final double EXACT = 0;
  private static final double CLOSE = 2e-6;

  private ElementwiseSamples() {}

  static Stream<Case> all() {
    Stream.Builder<Case> cases = Stream.builder();
    for (int n : new int[] {1, 7, 64, 4099}) {
      cases.add(new Case("copy of " + n, t -> copy(t, n)));
      cases.add(new Case("zero of " + n, t -> zero(t, n)));
      cases.add(Case.typed("add of " + n, t -> add(t, n, 0)));
      cases.add(Case.typed("add of " + n + " into a", t -> add(t, n, 1)));
      cases.add(Case.typed("add of " + n + " into b", t -> add(t, n, 2)));
      cases.add(Case.typed("scale of " + n, t -> scale(t, n, false)));
      cases.add(Case.typed("scale of " + n + " in place", t -> scale(t, n, true)));
      cases.add(new Case("cast of " + n + " to bf16", t -> toBf16(t, t.normal(n))));
    }
    cases.add(new Case("cast of corner values to bf16", t -> toBf16(t, corners())));
    cases.add(new Case("cast of every bf16 to f32", ElementwiseSamples::fromBf16));
    for (int n : new int[] {1, 7, 4099, 100_003}) {
      for (int at : new int[] {-1, 0, n / 2, n - 1}) {
        String which = "first of " + n + (at < 0 ? ", all finite" : ", not finite at " + at);
        // Every device looks for them in both types.
        cases.add(new Case(which, t -> firstNonfinite(t, n, at, F32)));
        cases.add(new Case(which + ", of bf16", t -> firstNonfinite(t, n, at, BF16)));
      }
    }
    int[][] shapes = {{1, 1}, {1, 64}, {3, 5}, {7, 33}, {5, 130}, {1, 1031}};
    for (int[] s : shapes) {
      String shape = s[0] + " x " + s[1];
      cases.add(Case.typed("gated silu " + shape, t -> gatedSilu(t, s[0], s[1], 1)));
      cases.add(Case.typed("gated silu gradient " + shape, t -> gatedSiluGrad(t, s[0], s[1], 1)));
    }
    cases.add(Case.typed("gated silu of large values", t -> gatedSilu(t, 3, 17, 60)));
    cases.add(Case.typed("gated silu gradient of large values", t -> gatedSiluGrad(t, 3, 17, 60)));
    cases.add(new Case("gated silu gradient by differences", ElementwiseSamples::differences));
    return cases.build();
  }

  private static void copy(Trial t, int n) {
    double[] x = t.normal(n);
    MemorySegment out = t.output(n);
    t.on().copy(t.input(x), out, 4L * n);
    t.expect("out", out, x, EXACT);
  }

  private static void zero(Trial t, int n) {
    MemorySegment out = t.output(n);
    t.on().zero(out, 4L * n);
    t.expect("out", out, new double[n], EXACT);
  }

  private static void add(Trial t, int n, int place) {
    double[] a = t.activations(n);
    double[] b = t.activations(n);
    MemorySegment first = place == 1 ? t.changing(a) : t.activation(a);
    MemorySegment second = place == 2 ? t.changing(b) : t.activation(b);
    MemorySegment out = place == 1 ? first : place == 2 ? second : t.result(n);
    t.on().add(t.type(), first, second, n, out);
    t.expect("out", out, t.type(), Trial.rounded(t.type(), Trial.plus(a, b)), EXACT);
  }

  private static void scale(Trial t, int n, boolean inPlace) {
    double[] x = t.activations(n);
    float factor = -1.7f;
    MemorySegment in = inPlace ? t.changing(x) : t.activation(x);
    MemorySegment out = inPlace ? in : t.result(n);
    t.on().scale(t.type(), in, factor, n, out);
    t.expect("out", out, t.type(), Trial.rounded(t.type(), Trial.times(factor, x)), EXACT);
  }

  /** Ties both ways, signs of zero, subnormals, the largest finite values, infinities and NaNs. */
  private static double[] corners() {
    int[] bits = {
      0x3f808000,
      0x3f818000,
      0x3f807fff,
      0x3f808001,
      0xbf808000,
      0xbf818000,
      0,
      0x80000000,
      1,
      0x8000,
      0x8001,
      0x18000,
      0x807fffff,
      0x7f7fffff,
      0xff7fffff,
      0x7f7f7fff,
      0x7f7f8000,
      0x7f800000,
      0xff800000,
      0x7fc00000,
      0x7f800001,
      0xffffffff,
      0x7fffffff
    };
    return IntStream.of(bits).mapToDouble(Float::intBitsToFloat).toArray();
  }

  private static void toBf16(Trial t, double[] x) {
    double[] expected = new double[x.length];
    for (int i = 0; i < x.length; i++) {
      expected[i] = Trial.nearestBf16((float) x[i]);
    }
    MemorySegment out = t.output(x.length, BF16);
    t.on().cast(t.input(x), F32, x.length, out, BF16);
    t.expect("out", out, BF16, expected, EXACT);
  }

  private static void fromBf16(Trial t) {
    double[] x = new double[1 << 16];
    for (int i = 0; i < x.length; i++) {
      x[i] = Float.intBitsToFloat(i << 16);
    }
    MemorySegment out = t.output(x.length);
    t.on().cast(t.input(x, BF16), BF16, x.length, out, F32);
    t.expect("out", out, x, EXACT);
  }

  /** From {@code at} on every third value is infinite or no number. */
  private static void firstNonfinite(Trial t, int n, int at, int type) {
    double[] x = t.normalOf(type, n);
    double[] bad = {Double.NaN, Double.POSITIVE_INFINITY, Double.NEGATIVE_INFINITY};
    for (int i = at; at >= 0 && i < n; i += 3) {
      x[i] = bad[i / 3 % 3];
    }
    MemorySegment out = t.output(1, I64);
    t.on().firstNonfinite(type, t.input(x, type), n, out);
    t.expect("out", out, I64, new double[] {at}, EXACT);
  }

  private static double[] silu(double[] x, int rows, int width) {
    double[] y = new double[rows * width];
    for (int r = 0; r < rows; r++) {
      for (int i = 0; i < width; i++) {
        double gate = x[r * 2 * width + i];
        y[r * width + i] = gate / (1 + Math.exp(-gate)) * x[r * 2 * width + width + i];
      }
    }
    return y;
  }

  private static double[] siluGrad(double[] x, double[] dy, int rows, int width) {
    double[] dx = new double[x.length];
    for (int r = 0; r < rows; r++) {
      for (int i = 0; i < width; i++) {
        int gateAt = r * 2 * width + i;
        double gate = x[gateAt];
        double e = Math.exp(-gate);
        // The quotient rule on gate/(1+e); e/(1+e)^2 written so that a large e does not overflow.
        double slope = 1 / (1 + e) + gate * (1 / (1 + e)) * (1 / (1 + 1 / e));
        dx[gateAt] = dy[r * width + i] * x[gateAt + width] * slope;
        dx[gateAt + width] = dy[r * width + i] * gate / (1 + e);
      }
    }
    return dx;
  }

  private static void gatedSilu(Trial t, int rows, int width, double std) {
    double[] x = t.activations(rows * 2 * width, std);
    MemorySegment y = t.result(rows * width);
    t.on().gatedSilu(t.type(), t.activation(x), rows, width, y);
    t.expectActivations("y", y, silu(x, rows, width), CLOSE);
  }

  private static void gatedSiluGrad(Trial t, int rows, int width, double std) {
    double[] x = t.activations(rows * 2 * width, std);
    double[] dy = t.activations(rows * width);
    MemorySegment dx = t.result(rows * 2 * width);
    t.on().gatedSiluGrad(t.type(), t.activation(x), t.activation(dy), rows, width, dx);
    t.expectActivations("dx", dx, siluGrad(x, dy, rows, width), CLOSE);
  }

  private static void differences(Trial t) {
    int rows = 3;
    int width = 5;
    double[] x = t.normal(rows * 2 * width);
    double[] dy = t.normal(rows * width);
    MemorySegment dx = t.output(rows * 2 * width);
    t.on().gatedSiluGrad(F32, t.input(x), t.input(dy), rows, width, dx);
    double[] expected = Trial.differences(x, v -> Trial.dot(dy, silu(v, rows, width)));
    t.expect("dx", dx, expected, CLOSE);
  }
}
