package rondo.engine.plain;

import static rondo.engine.plain.Trial.NONE;

import java.lang.foreign.MemorySegment;
import java.util.stream.Stream;
import rondo.engine.plain.OperationSamples.Case;

final class NormSamples {
  static final float EPS = 1e-5f;
  static final double CLOSE = 1e-5;

  private NormSamples() {}

  static Stream<Case> all() {
    Stream.Builder<Case> cases = Stream.builder();
    int[][] shapes = {{1, 1}, {1, 64}, {3, 5}, {7, 33}, {130, 16}, {2, 1031}};
    for (int[] s : shapes) {
      String shape = " " + s[0] + " x " + s[1];
      for (String variant : new String[] {"", " in place"}) {
        boolean inPlace = !variant.isEmpty();
        cases.add(Case.typed("norm" + shape + variant, t -> norm(t, s[0], s[1], inPlace)));
        cases.add(
            Case.typed(
                "norm of a sum, not kept" + shape + variant,
                t -> normOfUnkeptSum(t, s[0], s[1], inPlace)));
      }
      for (int place = 0; place < 3; place++) {
        int where = place;
        String variant = new String[] {"", " sum in x", " sum in residual"}[place];
        cases.add(
            Case.typed("norm of a sum" + shape + variant, t -> normOfSum(t, s[0], s[1], where)));
        String gradVariant = new String[] {"", " dx in dy", " dx in carry"}[place];
        cases.add(
            Case.typed(
                "norm gradient with carry" + shape + gradVariant,
                t -> gradWithCarry(t, s[0], s[1], where)));
      }
      // Of one element alone the gradient is nothing but the rounding of two equal terms.
      if (s[1] > 1) {
        cases.add(Case.typed("norm gradient" + shape, t -> grad(t, s[0], s[1])));
      }
    }
    cases.add(Case.typed("norm of zeros is zero", NormSamples::zeros));
    cases.add(new Case("norm gradient by differences 1 x 3", t -> differences(t, 1, 3)));
    cases.add(new Case("norm gradient by differences 5 x 7", t -> differences(t, 5, 7)));
    return cases.build();
  }

  // ---- float64

  static double[] rstd(double[] x, int rows, int width, double eps) {
    double[] rstd = new double[rows];
    for (int r = 0; r < rows; r++) {
      double squares = 0;
      for (int i = 0; i < width; i++) {
        squares += x[r * width + i] * x[r * width + i];
      }
      rstd[r] = 1 / Math.sqrt(squares / width + eps);
    }
    return rstd;
  }

  static double[] normed(double[] x, double[] gain, int rows, int width, double eps) {
    double[] rstd = rstd(x, rows, width, eps);
    double[] y = new double[rows * width];
    for (int i = 0; i < y.length; i++) {
      y[i] = x[i] * rstd[i / width] * gain[i % width];
    }
    return y;
  }

  /** dx, without carry; adds to dgain. */
  static double[] normGrad(
      double[] x, double[] gain, double[] rstd, double[] dy, int rows, int width, double[] dgain) {
    double[] dx = new double[rows * width];
    for (int r = 0; r < rows; r++) {
      double mean = 0;
      for (int i = 0; i < width; i++) {
        double normed = x[r * width + i] * rstd[r];
        mean += dy[r * width + i] * gain[i] * normed;
        dgain[i] += dy[r * width + i] * normed;
      }
      mean /= width;
      for (int i = 0; i < width; i++) {
        double normed = x[r * width + i] * rstd[r];
        dx[r * width + i] = rstd[r] * (dy[r * width + i] * gain[i] - normed * mean);
      }
    }
    return dx;
  }

  // ---- samples

  private static void norm(Trial t, int rows, int width, boolean inPlace) {
    double[] x = t.activations(rows * width);
    double[] gain = t.normal(width);
    MemorySegment in = inPlace ? t.changing(x) : t.activation(x);
    MemorySegment y = inPlace ? in : t.result(rows * width);
    MemorySegment scales = t.output(rows);
    t.on().rmsNorm(t.type(), in, NONE, t.input(gain), EPS, rows, width, NONE, y, scales);
    t.expectActivations("y", y, normed(x, gain, rows, width, EPS), CLOSE);
    t.expect("rstd", scales, rstd(x, rows, width, EPS), CLOSE);
  }

  private static void normOfUnkeptSum(Trial t, int rows, int width, boolean inPlace) {
    double[] x = t.activations(rows * width);
    double[] residual = t.activations(rows * width);
    double[] gain = t.normal(width);
    MemorySegment second = inPlace ? t.changing(residual) : t.activation(residual);
    MemorySegment y = inPlace ? second : t.result(rows * width);
    t.on()
        .rmsNorm(t.type(), t.activation(x), second, t.input(gain), EPS, rows, width, NONE, y, NONE);
    t.expectActivations("y", y, normed(Trial.plus(x, residual), gain, rows, width, EPS), CLOSE, 2);
  }

  private static void normOfSum(Trial t, int rows, int width, int place) {
    double[] x = t.activations(rows * width);
    double[] residual = t.activations(rows * width);
    double[] gain = t.normal(width);
    double[] both = Trial.rounded(t.type(), Trial.plus(x, residual));
    MemorySegment first = place == 1 ? t.changing(x) : t.activation(x);
    MemorySegment second = place == 2 ? t.changing(residual) : t.activation(residual);
    MemorySegment sum = place == 1 ? first : place == 2 ? second : t.result(rows * width);
    MemorySegment y = t.result(rows * width);
    MemorySegment scales = t.output(rows);
    t.on().rmsNorm(t.type(), first, second, t.input(gain), EPS, rows, width, sum, y, scales);
    t.expect("sum", sum, t.type(), both, 0);
    t.expectActivations("y", y, normed(both, gain, rows, width, EPS), CLOSE, 2);
    t.expectSums("rstd", scales, rstd(both, rows, width, EPS), CLOSE, 1);
  }

  private static void grad(Trial t, int rows, int width) {
    double[] x = t.activations(rows * width);
    double[] gain = t.normal(width);
    double[] dy = t.activations(rows * width);
    double[] scales = Trial.rounded(rstd(x, rows, width, EPS));
    double[] expected = new double[width];
    double[] dx = normGrad(x, gain, scales, dy, rows, width, expected);
    for (int wanted = 0; wanted < 2; wanted++) {
      MemorySegment out = t.result(rows * width);
      MemorySegment dgain = wanted == 1 ? t.output(width) : NONE;
      t.on()
          .rmsNormGrad(
              t.type(),
              t.activation(x),
              t.input(gain),
              t.input(scales),
              t.activation(dy),
              NONE,
              rows,
              width,
              out,
              0,
              dgain);
      t.expectActivations("dx", out, dx, CLOSE);
      if (wanted == 1) {
        t.expect("dgain", dgain, expected, CLOSE);
      }
    }
  }

  private static void gradWithCarry(Trial t, int rows, int width, int place) {
    double[] x = t.activations(rows * width);
    double[] gain = t.normal(width);
    double[] dy = t.activations(rows * width);
    double[] carry = t.activations(rows * width);
    double[] before = t.normal(width);
    double[] scales = Trial.rounded(rstd(x, rows, width, EPS));
    double[] expected = before.clone();
    double[] dx = Trial.plus(carry, normGrad(x, gain, scales, dy, rows, width, expected));
    MemorySegment slope = place == 1 ? t.changing(dy) : t.activation(dy);
    MemorySegment carried = place == 2 ? t.changing(carry) : t.activation(carry);
    MemorySegment out = place == 1 ? slope : place == 2 ? carried : t.result(rows * width);
    MemorySegment dgain = t.state(before);
    t.on()
        .rmsNormGrad(
            t.type(),
            t.activation(x),
            t.input(gain),
            t.input(scales),
            slope,
            carried,
            rows,
            width,
            out,
            1,
            dgain);
    t.expectActivations("dx", out, dx, CLOSE);
    t.expect("dgain", dgain, expected, CLOSE);
  }

  private static void zeros(Trial t) {
    MemorySegment y = t.result(10);
    MemorySegment scales = t.output(2);
    MemorySegment x = t.activation(new double[10]);
    t.on().rmsNorm(t.type(), x, NONE, t.input(t.normal(5)), EPS, 2, 5, NONE, y, scales);
    double large = 1 / Math.sqrt(EPS);
    t.expect("rstd", scales, new double[] {large, large}, CLOSE);
    for (double value : t.values(y, t.type())) {
      // Either sign of zero.
      if (value != 0) {
        throw new AssertionError("norm of zeros is " + value);
      }
    }
  }

  private static void differences(Trial t, int rows, int width) {
    double[] x = t.normal(rows * width);
    double[] gain = t.normal(width);
    double[] dy = t.normal(rows * width);
    double[] scales = rstd(x, rows, width, EPS);
    MemorySegment dx = t.output(rows * width);
    MemorySegment dgain = t.output(width);
    t.on()
        .rmsNormGrad(
            Trial.F32,
            t.input(x),
            t.input(gain),
            t.input(Trial.rounded(scales)),
            t.input(dy),
            NONE,
            rows,
            width,
            dx,
            0,
            dgain);
    t.expect(
        "dx",
        dx,
        Trial.differences(x, v -> Trial.dot(dy, normed(v, gain, rows, width, EPS))),
        CLOSE);
    t.expect(
        "dgain",
        dgain,
        Trial.differences(gain, v -> Trial.dot(dy, normed(x, v, rows, width, EPS))),
        CLOSE);
  }
}
