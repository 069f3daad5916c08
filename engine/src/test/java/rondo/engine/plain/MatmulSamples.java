package rondo.engine.plain;

import static rondo.engine.plain.Trial.BF16;
import static rondo.engine.plain.Trial.F32;
import static rondo.engine.plain.Trial.NONE;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.stream.Stream;
import rondo.engine.plain.OperationSamples.Case;

final class MatmulSamples {
  private MatmulSamples() {}

  /** Everything that varies. {@code pad} is added to every leading dimension and step. */
  private record Product(
      int batch,
      int m,
      int n,
      int k,
      boolean transposeA,
      boolean transposeB,
      int aType,
      int bType,
      int outType,
      float alpha,
      float beta,
      int pad,
      boolean inPlace) {
    @Override
    public String toString() {
      return "matmul "
          + (batch > 1 ? batch + " of " : "")
          + m
          + " x "
          + n
          + " x "
          + k
          + (transposeA ? " At" : "")
          + (transposeB ? " Bt" : "")
          + (aType == BF16 ? " bf16" : " f32")
          + (bType == BF16 ? "*bf16" : "*f32")
          + (outType == BF16 ? "->bf16" : "->f32")
          + (alpha == 1 ? "" : " alpha " + alpha)
          + (beta == 0 ? "" : " beta " + beta)
          + (pad == 0 ? "" : " padded " + pad)
          + (inPlace ? " in place" : "");
    }
  }

  /** A matrix of the product, or a batch of them, as it is stored. */
  private record Matrix(MemorySegment memory, int type, boolean transposed, long ld, long step) {}

  /** The shape and the two factors of a call. */
  private record Form(int batch, int m, int n, int k, float alpha, float beta, boolean symmetric) {}

  private static void run(Trial t, Form f, Matrix a, Matrix b, Matrix c, Matrix out) {
    t.on()
        .matmul(
            f.batch,
            f.m,
            f.n,
            f.k,
            f.alpha,
            a.memory,
            a.type,
            a.transposed ? 1 : 0,
            a.ld,
            a.step,
            b.memory,
            b.type,
            b.transposed ? 1 : 0,
            b.ld,
            b.step,
            f.beta,
            c.memory,
            c.ld,
            c.step,
            out.memory,
            out.type,
            out.ld,
            out.step,
            f.symmetric ? 1 : 0);
  }

  static Stream<Case> all() {
    Stream.Builder<Product> products = Stream.builder();
    int[][] shapes = {
      {1, 1, 1}, {1, 130, 70}, {70, 1, 129}, {3, 5, 7}, {17, 33, 65}, {64, 64, 64}, {97, 300, 259}
    };
    for (int[] s : shapes) {
      for (int flags = 0; flags < 4; flags++) {
        boolean ta = flags % 2 == 1;
        boolean tb = flags / 2 == 1;
        products.add(new Product(1, s[0], s[1], s[2], ta, tb, F32, F32, F32, 1, 0, 0, false));
        products.add(new Product(1, s[0], s[1], s[2], ta, tb, BF16, BF16, BF16, 1, 0, 0, false));
        products.add(new Product(1, s[0], s[1], s[2], ta, tb, F32, F32, F32, 1, 1, 0, true));
        products.add(
            new Product(2, s[0], s[1], s[2], ta, tb, F32, BF16, F32, -0.5f, 0.75f, 3, false));
        products.add(new Product(2, s[0], s[1], s[2], ta, tb, BF16, BF16, F32, 2, 1, 5, true));
      }
    }
    products.add(new Product(3, 9, 11, 13, false, true, BF16, F32, BF16, 1, -1, 1, true));
    products.add(new Product(3, 9, 11, 13, true, false, F32, F32, BF16, 1, -1, 1, false));
    Stream.Builder<Case> others = Stream.builder();
    for (int size : new int[] {1, 7, 64, 131}) {
      others.add(new Case("matmul symmetric " + size, t -> symmetric(t, size, F32)));
      others.add(new Case("matmul symmetric bf16 " + size, t -> symmetric(t, size, BF16)));
    }
    others.add(new Case("matmul with one b for the whole batch", MatmulSamples::shared));
    others.add(new Case("matmul refuses beta without c", MatmulSamples::betaWithoutC));
    return Stream.concat(
        products.build().map(p -> new Case(p.toString(), t -> product(t, p))), others.build());
  }

  private static double tolerance(int outType) {
    return outType == BF16 ? 0x1p-8 : 1e-5;
  }

  private static void product(Trial t, Product p) {
    int aRows = p.transposeA ? p.k : p.m;
    int aLd = (p.transposeA ? p.m : p.k) + p.pad;
    int bRows = p.transposeB ? p.n : p.k;
    int bLd = (p.transposeB ? p.k : p.n) + p.pad;
    int outLd = p.n + p.pad;
    int aStep = aRows * aLd + p.pad;
    int bStep = bRows * bLd + p.pad;
    int outStep = p.m * outLd + p.pad;
    // A second leading dimension shows that c's own is used.
    int cLd = p.inPlace ? outLd : outLd + 2 * p.pad;
    int cStep = p.inPlace ? outStep : p.m * cLd;
    double[] a = t.normalOf(p.aType, p.batch * aStep);
    double[] b = t.normalOf(p.bType, p.batch * bStep);
    double[] c = t.normalOf(p.outType, p.batch * cStep);
    double[] expected = p.inPlace ? c.clone() : new double[p.batch * outStep];
    if (!p.inPlace) {
      Arrays.fill(expected, Double.NaN);
    }
    for (int e = 0; e < p.batch; e++) {
      for (int i = 0; i < p.m; i++) {
        for (int j = 0; j < p.n; j++) {
          double sum = 0;
          for (int q = 0; q < p.k; q++) {
            double left = a[e * aStep + (p.transposeA ? q * aLd + i : i * aLd + q)];
            double right = b[e * bStep + (p.transposeB ? j * bLd + q : q * bLd + j)];
            sum += left * right;
          }
          double before = p.beta == 0 ? 0 : p.beta * c[e * cStep + i * cLd + j];
          expected[e * outStep + i * outLd + j] = p.alpha * sum + before;
        }
      }
    }
    MemorySegment first = t.input(a, p.aType);
    MemorySegment second = t.input(b, p.bType);
    MemorySegment out = p.inPlace ? t.state(c, p.outType) : t.output(p.batch * outStep, p.outType);
    MemorySegment before = p.inPlace ? out : p.beta == 0 ? NONE : t.input(c, p.outType);
    Form form = new Form(p.batch, p.m, p.n, p.k, p.alpha, p.beta, false);
    run(
        t,
        form,
        new Matrix(first, p.aType, p.transposeA, aLd, aStep),
        new Matrix(second, p.bType, p.transposeB, bLd, bStep),
        new Matrix(before, p.outType, false, cLd, cStep),
        new Matrix(out, p.outType, false, outLd, outStep));
    t.expect("out", out, p.outType, expected, tolerance(p.outType));
  }

  /** The two products of a Newton-Schulz step: {@code A = X Xt}, then {@code B = bA + cAA}. */
  private static void symmetric(Trial t, int size, int type) {
    int batch = 2;
    int k = size + 3;
    int all = batch * size * size;
    double[] x = t.normalOf(type, batch * size * k);
    double[] gram = new double[all];
    for (int e = 0; e < batch; e++) {
      for (int i = 0; i < size; i++) {
        for (int j = 0; j < size; j++) {
          for (int q = 0; q < k; q++) {
            gram[(e * size + i) * size + j] +=
                x[(e * size + i) * k + q] * x[(e * size + j) * k + q];
          }
        }
      }
    }
    MemorySegment in = t.input(x, type);
    MemorySegment first = t.output(all, type);
    long step = (long) size * size;
    Matrix left = new Matrix(in, type, false, k, (long) size * k);
    Matrix right = new Matrix(in, type, true, k, (long) size * k);
    Matrix square = new Matrix(first, type, false, size, step);
    Matrix nothing = new Matrix(NONE, type, false, 0, 0);
    run(t, new Form(batch, size, size, k, 1, 0, true), left, right, nothing, square);
    t.expect("gram", first, type, gram, tolerance(type));
    double[] stored = t.values(first, type);
    double[] expected = new double[all];
    for (int e = 0; e < batch; e++) {
      for (int i = 0; i < size; i++) {
        for (int j = 0; j < size; j++) {
          int at = (e * size + i) * size + j;
          double sum = 0;
          for (int q = 0; q < size; q++) {
            sum += stored[(e * size + i) * size + q] * stored[(e * size + q) * size + j];
          }
          expected[at] = 0.5f * sum - 4.75f * stored[at];
        }
      }
    }
    MemorySegment second = t.output(all, type);
    Matrix polynomial = new Matrix(second, type, false, size, step);
    Form form = new Form(batch, size, size, size, 0.5f, -4.75f, true);
    run(t, form, square, square, square, polynomial);
    t.expect("polynomial", second, type, expected, tolerance(type));
    double[] result = t.values(second, type);
    double[] mirrored = new double[all];
    for (int i = 0; i < all; i++) {
      int row = i / size % size;
      int column = i % size;
      mirrored[i] = result[i - row * size - column + column * size + row];
    }
    t.expect("its mirror", second, type, mirrored, tolerance(type));
  }

  private static void shared(Trial t) {
    int m = 5;
    int n = 6;
    int k = 9;
    double[] a = t.normal(3 * m * k);
    double[] b = t.normal(n * k);
    double[] expected = new double[3 * m * n];
    for (int i = 0; i < 3 * m; i++) {
      for (int j = 0; j < n; j++) {
        for (int q = 0; q < k; q++) {
          expected[i * n + j] += a[i * k + q] * b[j * k + q];
        }
      }
    }
    MemorySegment out = t.output(3 * m * n);
    run(
        t,
        new Form(3, m, n, k, 1, 0, false),
        new Matrix(t.input(a), F32, false, k, (long) m * k),
        new Matrix(t.input(b), F32, true, k, 0),
        new Matrix(NONE, F32, false, 0, 0),
        new Matrix(out, F32, false, n, (long) m * n));
    t.expect("out", out, expected, tolerance(F32));
  }

  private static void betaWithoutC(Trial t) {
    Matrix one = new Matrix(t.input(new double[] {1}), F32, false, 1, 1);
    Matrix none = new Matrix(NONE, F32, false, 1, 1);
    Matrix result = new Matrix(t.output(1), F32, false, 1, 1);
    t.expectRefusal(() -> run(t, new Form(1, 1, 1, 1, 1, 1, false), one, one, none, result));
  }
}
