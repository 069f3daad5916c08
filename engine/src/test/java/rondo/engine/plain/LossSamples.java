package rondo.engine.plain;

import static rondo.engine.plain.Trial.NONE;

import java.lang.foreign.MemorySegment;
import java.math.BigInteger;
import java.util.Arrays;
import java.util.stream.Stream;
import rondo.engine.plain.OperationSamples.Case;

/** Noise and loss. */
final class LossSamples {
  private static final double CLOSE = 1e-5;
  private static final int IGNORED = -100;

  private LossSamples() {}

  /**
   * Of a sum that a GPU makes in one chain of f32: its roundings grow with the root of the terms.
   */
  private static double chained(int terms) {
    return CLOSE * Math.max(1, Math.sqrt(terms / 8192.0));
  }

  private record Shape(int rows, int width, int vocab, int chunk) {
    @Override
    public String toString() {
      return " " + rows + " x " + width + " of " + vocab + " by " + chunk;
    }
  }

  static Stream<Case> all() {
    Stream.Builder<Case> cases = Stream.builder();
    for (int n : new int[] {1, 3, 4, 1023}) {
      cases.add(new Case("truncated normal of " + n, t -> noise(t, 0.02f, 3, n, 7, 11)));
    }
    long wide = 0x9234_5678_9abc_def0L;
    cases.add(new Case("truncated normal with wide keys", t -> noise(t, 1.5f, 2, 70, wide, ~wide)));
    Shape[] shapes = {
      new Shape(1, 1, 1, 1),
      new Shape(1, 16, 33, 4),
      new Shape(5, 7, 11, 2),
      new Shape(9, 16, 64, 3),
      new Shape(3, 5, 300, 100),
      new Shape(70, 33, 257, 32),
      new Shape(2, 4, 2056, 2)
    };
    for (Shape s : shapes) {
      cases.add(Case.typed("cross-entropy" + s, t -> loss(t, s, 1, true, true, 0)));
      cases.add(Case.typed("cross-entropy, added" + s, t -> loss(t, s, 0.25f, true, true, 1)));
      cases.add(Case.typed("cross-entropy, loss alone" + s, t -> loss(t, s, 1, false, false, 0)));
      cases.add(
          Case.typed("cross-entropy with z" + s, t -> loss(t, s, 0.5f, 0.75f, true, true, 1)));
      cases.add(Case.typed("cross-entropy, dx alone" + s, t -> loss(t, s, -2, true, false, 0)));
      cases.add(Case.typed("cross-entropy, dhead alone" + s, t -> loss(t, s, 1, false, true, 0)));
    }
    // Llama 3.2 has 128,256: deeper than a CPU's products of bf16 may be.
    Shape deep = new Shape(2, 8, 65_544, 2);
    cases.add(Case.typed("cross-entropy" + deep, t -> loss(t, deep, 1, true, true, 0)));
    cases.add(Case.typed("cross-entropy with every row ignored", LossSamples::allIgnored));
    cases.add(Case.typed("cross-entropy of large logits", LossSamples::largeLogits));
    cases.add(new Case("cross-entropy gradient by differences", t -> differences(t, 0)));
    cases.add(new Case("z-loss gradient by differences", t -> differences(t, 0.3f)));
    cases.add(new Case("cross-entropy refuses a target of vocab", t -> refuses(t, 5)));
    cases.add(new Case("cross-entropy refuses a target of -1", t -> refuses(t, -1)));
    return cases.build();
  }

  // ---- noise

  private static final BigInteger WORD = BigInteger.ONE.shiftLeft(32);

  /** Philox4x32-10 by the paper's definition, in integers without a size. */
  static long[] philox(long[] counter, long[] key) {
    long[] c = counter.clone();
    long[] k = key.clone();
    for (int round = 0; round < 10; round++) {
      BigInteger[] p0 =
          BigInteger.valueOf(0xD2511F53L)
              .multiply(BigInteger.valueOf(c[0]))
              .divideAndRemainder(WORD);
      BigInteger[] p1 =
          BigInteger.valueOf(0xCD9E8D57L)
              .multiply(BigInteger.valueOf(c[2]))
              .divideAndRemainder(WORD);
      c =
          new long[] {
            p1[0].longValueExact() ^ c[1] ^ k[0],
            p1[1].longValueExact(),
            p0[0].longValueExact() ^ c[3] ^ k[1],
            p0[1].longValueExact()
          };
      k[0] = (k[0] + 0x9E3779B9L) % (1L << 32);
      k[1] = (k[1] + 0xBB67AE85L) % (1L << 32);
    }
    return c;
  }

  private static double density(double x) {
    return Math.exp(-x * x / 2) / Math.sqrt(2 * Math.PI);
  }

  /** Phi(x) by Simpson's rule from 0. */
  static double probability(double x) {
    int panels = 400;
    double h = x / panels;
    double sum = density(0) + density(x);
    for (int i = 1; i < panels; i++) {
      sum += (i % 2 == 1 ? 4 : 2) * density(i * h);
    }
    return 0.5 + sum * h / 3;
  }

  /** Phi^-1(p) by Newton's method, which from 0 approaches monotonically. */
  static double quantile(double p) {
    double x = 0;
    for (int i = 0; i < 40; i++) {
      x -= (probability(x) - p) / density(x);
    }
    return x;
  }

  private static void noise(Trial t, float std, float cut, int n, long key, long high) {
    double[] expected = new double[n];
    long mask = 0xffffffffL;
    double below = probability(-cut);
    double above = probability(cut);
    for (int i = 0; i < n; i++) {
      long[] block =
          philox(
              new long[] {i / 4, 0, high & mask, high >>> 32}, new long[] {key & mask, key >>> 32});
      double u = (block[i % 4] + 0.5) / 0x1p32;
      expected[i] = std * quantile(below + u * (above - below));
    }
    MemorySegment out = t.output(n);
    t.on().truncatedNormal(t.input(new long[] {key, high}), std, cut, n, out);
    t.expect("out", out, expected, 1e-6);
  }

  // ---- loss

  private static double[] targets(Trial t, Shape s) {
    double[] targets = Arrays.stream(t.below(s.vocab, s.rows)).asDoubleStream().toArray();
    for (int r = 2; r < s.rows; r += 3) {
      targets[r] = IGNORED;
    }
    return targets;
  }

  static int[] integers(double[] values) {
    return Arrays.stream(values).mapToInt(value -> (int) value).toArray();
  }

  /** The mean loss; adds its gradients where they are wanted (not of length 0). */
  private static double meanLoss(
      double[] x, double[] head, double[] targets, Shape s, double[] dx, double[] dhead) {
    return meanLoss(x, head, targets, s, 0, dx, dhead);
  }

  /** With gradients that have the z-loss in them; the loss has it not. */
  private static double meanLoss(
      double[] x, double[] head, double[] targets, Shape s, double z, double[] dx, double[] dhead) {
    double counted = Arrays.stream(targets).filter(target -> target != IGNORED).count();
    double total = 0;
    for (int r = 0; r < s.rows; r++) {
      int target = (int) targets[r];
      if (target == IGNORED) {
        continue;
      }
      double[] logits = new double[s.vocab];
      double max = Double.NEGATIVE_INFINITY;
      for (int v = 0; v < s.vocab; v++) {
        for (int i = 0; i < s.width; i++) {
          logits[v] += x[r * s.width + i] * head[v * s.width + i];
        }
        max = Math.max(max, logits[v]);
      }
      double sum = 0;
      for (int v = 0; v < s.vocab; v++) {
        sum += Math.exp(logits[v] - max);
      }
      double logSumExp = max + Math.log(sum);
      total += logSumExp - logits[target];
      for (int v = 0; v < s.vocab; v++) {
        double slope =
            (Math.exp(logits[v] - max) / sum * (1 + 2 * z * logSumExp) - (v == target ? 1 : 0))
                / counted;
        for (int i = 0; i < s.width; i++) {
          if (dx.length > 0) {
            dx[r * s.width + i] += slope * head[v * s.width + i];
          }
          if (dhead.length > 0) {
            dhead[v * s.width + i] += slope * x[r * s.width + i];
          }
        }
      }
    }
    return counted == 0 ? 0 : total / counted;
  }

  private static void loss(
      Trial t, Shape s, float gradScale, boolean wantsX, boolean wantsHead, int accumulate) {
    loss(t, s, gradScale, 0, wantsX, wantsHead, accumulate);
  }

  private static void loss(
      Trial t,
      Shape s,
      float gradScale,
      float z,
      boolean wantsX,
      boolean wantsHead,
      int accumulate) {
    double[] x = t.activations(s.rows * s.width);
    double[] head = t.activations(s.vocab * s.width);
    double[] targets = targets(t, s);
    double[] before = t.normal(s.vocab * s.width);
    double[] dx = new double[x.length];
    double[] dhead = new double[head.length];
    double expected = meanLoss(x, head, targets, s, z, dx, dhead);
    dx = Trial.times(gradScale, dx);
    dhead = Trial.times(gradScale, dhead);
    if (accumulate == 1) {
      dhead = Trial.plus(before, dhead);
    }
    double counted = Arrays.stream(targets).filter(target -> target != IGNORED).count();
    MemorySegment out = t.output(2);
    MemorySegment xOut = wantsX ? t.result(x.length) : NONE;
    MemorySegment headOut =
        !wantsHead ? NONE : accumulate == 1 ? t.state(before) : t.output(head.length);
    MemorySegment scratch = t.output(s.chunk * s.vocab);
    t.on()
        .linearCrossEntropy(
            t.type(),
            t.activation(x),
            t.activation(head),
            t.input(integers(targets)),
            s.rows,
            s.width,
            s.vocab,
            s.chunk,
            gradScale,
            z,
            scratch,
            out,
            xOut,
            accumulate,
            headOut);
    t.expect("loss", out, new double[] {expected, counted}, CLOSE);
    if (wantsX) {
      // The gradients of the logits are rounded for their products; a target's own is far above
      // the rms.
      t.expectActivations("dx", xOut, dx, chained(s.vocab), 3);
    }
    if (wantsHead) {
      t.expectSums("dhead", headOut, dhead, CLOSE, 2);
    }
  }

  private static void allIgnored(Trial t) {
    Shape s = new Shape(3, 4, 5, 2);
    MemorySegment out = t.output(2);
    MemorySegment dx = t.result(12);
    MemorySegment dhead = t.output(20);
    MemorySegment x = t.activation(t.activations(12));
    MemorySegment head = t.activation(t.activations(20));
    MemorySegment targets = t.input(IGNORED, IGNORED, IGNORED);
    MemorySegment scratch = t.output(10);
    t.on()
        .linearCrossEntropy(
            t.type(), x, head, targets, 3, 4, 5, s.chunk, 1, 0.5f, scratch, out, dx, 0, dhead);
    t.expect("loss", out, new double[2], 0);
    t.expect("dx", dx, t.type(), new double[12], 0);
    t.expect("dhead", dhead, new double[20], 0);
  }

  private static void largeLogits(Trial t) {
    Shape s = new Shape(6, 8, 40, 4);
    double[] x = t.activations(s.rows * s.width, 20);
    double[] head = t.activations(s.vocab * s.width, 10);
    double[] targets = targets(t, s);
    double expected = meanLoss(x, head, targets, s, new double[0], new double[0]);
    MemorySegment out = t.output(2);
    MemorySegment scratch = t.output(s.chunk * s.vocab);
    t.on()
        .linearCrossEntropy(
            t.type(),
            t.activation(x),
            t.activation(head),
            t.input(integers(targets)),
            s.rows,
            s.width,
            s.vocab,
            s.chunk,
            1,
            0,
            scratch,
            out,
            NONE,
            0,
            NONE);
    t.expect("loss", out, new double[] {expected, 4}, CLOSE);
  }

  /** The mean over counted rows of logsumexp², by loops of its own. */
  private static double meanSquare(double[] x, double[] head, double[] targets, Shape s) {
    double total = 0;
    int counted = 0;
    for (int r = 0; r < s.rows; r++) {
      if (targets[r] != IGNORED) {
        double sum = 0;
        for (int v = 0; v < s.vocab; v++) {
          double logit = 0;
          for (int i = 0; i < s.width; i++) {
            logit += x[r * s.width + i] * head[v * s.width + i];
          }
          sum += Math.exp(logit);
        }
        total += Math.pow(Math.log(sum), 2);
        counted++;
      }
    }
    return total / counted;
  }

  private static void differences(Trial t, float z) {
    Shape s = new Shape(5, 3, 7, 2);
    float gradScale = 1.75f;
    double[] x = t.normal(s.rows * s.width);
    double[] head = t.normal(s.vocab * s.width);
    double[] targets = targets(t, s);
    double[] none = new double[0];
    MemorySegment out = t.output(2);
    MemorySegment dx = t.output(x.length);
    MemorySegment dhead = t.output(head.length);
    MemorySegment scratch = t.output(s.chunk * s.vocab);
    t.on()
        .linearCrossEntropy(
            Trial.F32,
            t.input(x),
            t.input(head),
            t.input(integers(targets)),
            s.rows,
            s.width,
            s.vocab,
            s.chunk,
            gradScale,
            z,
            scratch,
            out,
            dx,
            0,
            dhead);
    t.expect(
        "dx",
        dx,
        Trial.differences(
            x,
            v ->
                gradScale
                    * (meanLoss(v, head, targets, s, none, none)
                        + z * meanSquare(v, head, targets, s))),
        CLOSE);
    t.expect(
        "dhead",
        dhead,
        Trial.differences(
            head,
            v ->
                gradScale
                    * (meanLoss(x, v, targets, s, none, none) + z * meanSquare(x, v, targets, s))),
        CLOSE);
  }

  private static void refuses(Trial t, int target) {
    MemorySegment x = t.input(t.normal(6));
    MemorySegment head = t.input(t.normal(15));
    MemorySegment targets = t.input(1, target);
    MemorySegment scratch = t.output(10);
    MemorySegment out = t.output(2);
    t.expectRefusal(() ->
        t.on()
            .linearCrossEntropy(
                Trial.F32, x, head, targets, 2, 3, 5, 2, 1, 0, scratch, out, NONE, 0, NONE));
  }
}
