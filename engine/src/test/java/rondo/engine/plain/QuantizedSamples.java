package rondo.engine.plain;

import static rondo.engine.plain.Trial.E4M3;
import static rondo.engine.plain.Trial.I8;

import java.lang.foreign.MemorySegment;
import java.util.stream.Stream;
import rondo.engine.plain.OperationSamples.Case;

/** Weights of 8 bits. */
final class QuantizedSamples {
  private QuantizedSamples() {}

  static Stream<Case> all() {
    Stream.Builder<Case> cases = Stream.builder();
    int[][] weights = {{1, 1}, {1, 64}, {3, 5}, {7, 33}, {130, 16}, {5, 1031}};
    for (int type : new int[] {I8, E4M3}) {
      String name = type == I8 ? " i8 " : " e4m3 ";
      for (int[] w : weights) {
        String shape = w[0] + " x " + w[1];
        cases.add(new Case("quantize" + name + shape, t -> quantize(t, w[0], w[1], type)));
      }
      cases.add(new Case("quantize" + name + "of a row of zeros", t -> zeros(t, type)));
      cases.add(new Case("quantize" + name + "of ties", t -> ties(t, type)));
      // Rows, outputs, inputs; 16 rows read the weight once.
      int[][] products = {
        {1, 1, 1}, {1, 64, 64}, {1, 130, 70}, {3, 5, 7}, {16, 33, 65}, {19, 64, 259}
      };
      for (int[] p : products) {
        String shape = p[0] + " x " + p[1] + " x " + p[2];
        cases.add(Case.typed("quantized linear" + name + shape, t -> linear(t, p, type)));
      }
    }
    return cases.build();
  }

  /** Every value of e4m3 by its definition: sign, exponent with bias 7, mantissa of three bits. */
  private static double decoded(int type, double code) {
    int bits = (int) code & 0xff;
    if (type == I8) {
      return code;
    }
    int exponent = bits >> 3 & 15;
    double mantissa = (bits & 7) / 8.0;
    double size =
        exponent == 0 ? mantissa * Math.pow(2, -6) : (1 + mantissa) * Math.pow(2, exponent - 7);
    return bits < 128 ? size : -size;
  }

  /** The distance from a number to the nearest one that the type holds, by trying all. */
  private static double distance(int type, double value) {
    double least = Double.POSITIVE_INFINITY;
    for (int bits = 0; bits < 256; bits++) {
      boolean number = type == I8 ? bits != 128 : (bits & 127) != 127;
      if (number) {
        least = Math.min(least, Math.abs(decoded(type, (byte) bits) - value));
      }
    }
    return least;
  }

  private static double largest(int type) {
    return type == I8 ? 127 : 448;
  }

  private static void quantize(Trial t, int rows, int width, int type) {
    check(t, t.normal(rows * width), rows, width, type);
  }

  private static void zeros(Trial t, int type) {
    double[] w = t.normal(3 * 9);
    for (int i = 9; i < 18; i++) {
      w[i] = i % 2 == 0 ? 0 : -0.0;
    }
    check(t, w, 3, 9, type);
  }

  private static void check(Trial t, double[] w, int rows, int width, int type) {
    MemorySegment q = t.output(rows * width, type);
    MemorySegment scale = t.output(rows);
    t.on().quantizeRows(t.input(w), rows, width, q, type, scale);
    double[] codes = t.values(q, type);
    double[] scales = t.values(scale, Trial.F32);
    for (int r = 0; r < rows; r++) {
      double most = 0;
      for (int i = 0; i < width; i++) {
        most = Math.max(most, Math.abs(w[r * width + i]));
      }
      if (Math.abs(scales[r] - most / largest(type)) > 1e-7 * scales[r]) {
        throw new AssertionError("scale of row " + r + " is " + scales[r] + " for " + most);
      }
      for (int i = r * width; i < (r + 1) * width; i++) {
        double exact = scales[r] == 0 ? 0 : w[i] / scales[r];
        double error = Math.abs(decoded(type, codes[i]) - exact);
        // The quotient may be rounded to f32 before it is rounded to the type.
        if (!(error <= distance(type, exact) + 1e-6 * Math.abs(exact))) {
          throw new AssertionError(exact + " became " + decoded(type, codes[i]) + " at " + i);
        }
      }
    }
  }

  /** With the largest as it is, the scale is 1 and every half is a tie. */
  private static void ties(Trial t, int type) {
    double[] w = {largest(type), 0.5, 1.5, -0.5, -1.5, 2.5, -126.5, 17, 19, -21, 0x1p-10, 0x3p-10};
    double[] expected =
        type == I8
            ? new double[] {127, 0, 2, 0, -2, 2, -126, 17, 19, -21, 0, 0}
            : new double[] {448, 0.5, 1.5, -0.5, -1.5, 2.5, -128, 16, 20, -20, 0, 0x1p-8};
    MemorySegment q = t.output(w.length, type);
    MemorySegment scale = t.output(1);
    t.on().quantizeRows(t.input(w), 1, w.length, q, type, scale);
    t.expect("scale", scale, new double[] {1}, 0);
    double[] codes = t.values(q, type);
    for (int i = 0; i < w.length; i++) {
      if (decoded(type, codes[i]) != expected[i]) {
        throw new AssertionError(w[i] + " became " + decoded(type, codes[i]));
      }
    }
  }

  private static void linear(Trial t, int[] shape, int type) {
    int rows = shape[0];
    int n = shape[1];
    int k = shape[2];
    double[] x = t.activations(rows * k);
    double[] scale = t.normal(n);
    double[] codes = new double[n * k];
    int[] random = t.below(254, n * k);
    for (int i = 0; i < codes.length; i++) {
      // Neither -128 nor a NaN of e4m3.
      int bits = type == I8 ? random[i] - 126 : random[i] < 127 ? random[i] : random[i] + 1;
      codes[i] = (byte) bits;
    }
    double[] expected = new double[rows * n];
    for (int r = 0; r < rows; r++) {
      for (int i = 0; i < n; i++) {
        for (int j = 0; j < k; j++) {
          expected[r * n + i] += scale[i] * x[r * k + j] * decoded(type, codes[i * k + j]);
        }
      }
    }
    MemorySegment y = t.result(rows * n);
    t.on()
        .quantizedLinear(
            t.type(), t.activation(x), rows, t.input(codes, type), type, t.input(scale), n, k, y);
    t.expectActivations("y", y, expected, 1e-5);
  }
}
