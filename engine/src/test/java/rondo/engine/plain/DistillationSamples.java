package rondo.engine.plain;

import static rondo.engine.plain.Trial.NONE;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.stream.Stream;
import rondo.engine.plain.OperationSamples.Case;

/** The loss beside a teacher. */
final class DistillationSamples {
  private static final double CLOSE = 1e-5;
  private static final int IGNORED = -100;

  private DistillationSamples() {}

  /**
   * Of a sum that a GPU makes in one chain of f32: its roundings grow with the root of the terms.
   */
  private static double chained(int terms) {
    return CLOSE * Math.max(1, Math.sqrt(terms / 8192.0));
  }

  private record Shape(int rows, int width, int teacherWidth, int vocab, int chunk) {
    @Override
    public String toString() {
      return " %d x %d beside %d of %d by %d".formatted(rows, width, teacherWidth, vocab, chunk);
    }
  }

  /** How the objective is mixed. */
  private record Mix(float z, float temperature, float weight) {
    @Override
    public String toString() {
      return " z %s, T %s, w %s".formatted(z, temperature, weight);
    }
  }

  static Stream<Case> all() {
    Stream.Builder<Case> cases = Stream.builder();
    Shape[] shapes = {
      new Shape(1, 1, 2, 1, 1),
      new Shape(5, 7, 3, 11, 2),
      new Shape(9, 16, 16, 64, 3),
      new Shape(3, 5, 8, 300, 100),
      new Shape(70, 33, 24, 257, 32),
      new Shape(2, 4, 3, 2056, 2)
    };
    Mix[] mixes = {new Mix(0, 1, 1), new Mix(0, 2, 0.5f), new Mix(0.3f, 0.7f, 0.9f)};
    for (Shape s : shapes) {
      for (Mix mix : mixes) {
        cases.add(Case.typed("distillation" + s + mix, t -> loss(t, s, mix, true, true, 0, 1)));
      }
      Mix mix = mixes[1];
      cases.add(Case.typed("distillation, added" + s, t -> loss(t, s, mix, true, true, 1, 0.25f)));
      cases.add(Case.typed("distillation, alone" + s, t -> loss(t, s, mix, false, false, 0, 1)));
      cases.add(Case.typed("distillation, dx alone" + s, t -> loss(t, s, mix, true, false, 0, -2)));
      cases.add(
          Case.typed("distillation, dhead alone" + s, t -> loss(t, s, mix, false, true, 0, 1)));
    }
    Shape deep = new Shape(2, 8, 8, 65_544, 2);
    cases.add(Case.typed("distillation" + deep, t -> loss(t, deep, mixes[1], true, true, 0, 1)));
    cases.add(Case.typed("distillation of weight 0 is cross-entropy", DistillationSamples::alone));
    cases.add(Case.typed("distillation with every row ignored", DistillationSamples::allIgnored));
    cases.add(Case.typed("distillation by its own teacher", DistillationSamples::itself));
    cases.add(new Case("distillation refuses a target of vocab", t -> refuses(t, 5, 1, 1)));
    cases.add(new Case("distillation refuses a temperature of 0", t -> refuses(t, 1, 0, 1)));
    cases.add(new Case("distillation refuses a weight of 2", t -> refuses(t, 1, 1, 2)));
    return cases.build();
  }

  /** log softmax of (x·headᵀ) / temperature, a row at a time. */
  private static double[] logSoftmax(
      double[] x, int row, double[] head, int width, int vocab, double temperature) {
    double[] y = new double[vocab];
    for (int v = 0; v < vocab; v++) {
      for (int i = 0; i < width; i++) {
        y[v] += x[row * width + i] * head[v * width + i] / temperature;
      }
    }
    double max = Arrays.stream(y).max().orElseThrow();
    double sum = Arrays.stream(y).map(value -> Math.exp(value - max)).sum();
    return Arrays.stream(y).map(value -> value - max - Math.log(sum)).toArray();
  }

  private static void loss(
      Trial t,
      Shape s,
      Mix mix,
      boolean wantsX,
      boolean wantsHead,
      int accumulate,
      float gradScale) {
    double[] x = t.activations(s.rows * s.width);
    double[] head = t.activations(s.vocab * s.width);
    double[] y = t.activations(s.rows * s.teacherWidth);
    double[] other = t.activations(s.vocab * s.teacherWidth);
    double[] before = t.normal(s.vocab * s.width);
    int[] targets = t.below(s.vocab, s.rows);
    for (int r = 2; r < s.rows; r += 3) {
      targets[r] = IGNORED;
    }
    double counted = Arrays.stream(targets).filter(target -> target != IGNORED).count();
    double[] expected = {0, counted, 0};
    double[] dx = new double[x.length];
    double[] dhead = accumulate == 1 ? before.clone() : new double[head.length];
    for (int r = 0; r < s.rows; r++) {
      if (targets[r] == IGNORED) {
        continue;
      }
      double[] hard = logSoftmax(x, r, head, s.width, s.vocab, 1);
      double[] q = logSoftmax(x, r, head, s.width, s.vocab, mix.temperature);
      double[] p = logSoftmax(y, r, other, s.teacherWidth, s.vocab, mix.temperature);
      expected[0] -= hard[targets[r]] / counted;
      double logit = 0;
      for (int i = 0; i < s.width; i++) {
        logit += x[r * s.width + i] * head[i];
      }
      double logSumExp = logit - hard[0];
      for (int v = 0; v < s.vocab; v++) {
        expected[2] += Math.exp(p[v]) * (p[v] - q[v]) / counted;
        double slope =
            (1 - mix.weight) * (Math.exp(hard[v]) - (v == targets[r] ? 1 : 0))
                + 2 * mix.z * logSumExp * Math.exp(hard[v])
                + mix.weight * mix.temperature * (Math.exp(q[v]) - Math.exp(p[v]));
        for (int i = 0; i < s.width; i++) {
          dx[r * s.width + i] += gradScale / counted * slope * head[v * s.width + i];
          dhead[v * s.width + i] += gradScale / counted * slope * x[r * s.width + i];
        }
      }
    }
    MemorySegment out = t.output(3);
    MemorySegment xOut = wantsX ? t.result(x.length) : NONE;
    MemorySegment headOut =
        !wantsHead ? NONE : accumulate == 1 ? t.state(before) : t.output(head.length);
    t.on()
        .linearDistillation(
            t.type(),
            t.activation(x),
            t.activation(head),
            t.activation(y),
            t.activation(other),
            t.input(targets),
            s.rows,
            s.width,
            s.teacherWidth,
            s.vocab,
            s.chunk,
            gradScale,
            mix.z,
            mix.temperature,
            mix.weight,
            t.output(2 * s.chunk * s.vocab),
            out,
            xOut,
            accumulate,
            headOut);
    t.expect("loss", out, expected, CLOSE);
    if (wantsX) {
      t.expectActivations("dx", xOut, dx, chained(s.vocab), 3);
    }
    if (wantsHead) {
      t.expectSums("dhead", headOut, dhead, CLOSE, 2);
    }
  }

  /** With weight 0 the loss and its gradients are those of the plain loss, whoever teaches. */
  private static void alone(Trial t) {
    Shape s = new Shape(6, 8, 4, 40, 4);
    MemorySegment x = t.activation(t.activations(48));
    MemorySegment head = t.activation(t.activations(320));
    MemorySegment y = t.activation(t.activations(24));
    MemorySegment other = t.activation(t.activations(160));
    MemorySegment targets = t.input(3, IGNORED, 39, 0, 7, IGNORED);
    MemorySegment own = t.output(2);
    MemorySegment dhead = t.output(320);
    t.on()
        .linearCrossEntropy(
            t.type(),
            x,
            head,
            targets,
            6,
            8,
            40,
            4,
            0.5f,
            0.1f,
            t.output(160),
            own,
            NONE,
            0,
            dhead);
    MemorySegment mixed = t.output(3);
    MemorySegment mixedHead = t.output(320);
    distil(t, s, x, head, y, other, targets, new Mix(0.1f, 2, 0), mixed, NONE, mixedHead);
    double[] loss = t.values(own, Trial.F32);
    t.expect("loss", mixed, new double[] {loss[0], loss[1], t.values(mixed, Trial.F32)[2]}, CLOSE);
    t.expectSums("dhead", mixedHead, t.values(dhead, Trial.F32), CLOSE, 2);
  }

  private static void distil(
      Trial t,
      Shape s,
      MemorySegment x,
      MemorySegment head,
      MemorySegment y,
      MemorySegment other,
      MemorySegment targets,
      Mix mix,
      MemorySegment out,
      MemorySegment dx,
      MemorySegment dhead) {
    t.on()
        .linearDistillation(
            t.type(),
            x,
            head,
            y,
            other,
            targets,
            s.rows,
            s.width,
            s.teacherWidth,
            s.vocab,
            s.chunk,
            0.5f,
            mix.z,
            mix.temperature,
            mix.weight,
            t.output(2 * s.chunk * s.vocab),
            out,
            dx,
            0,
            dhead);
  }

  private static void allIgnored(Trial t) {
    Shape s = new Shape(3, 4, 2, 5, 2);
    MemorySegment x = t.activation(t.activations(12));
    MemorySegment head = t.activation(t.activations(20));
    MemorySegment y = t.activation(t.activations(6));
    MemorySegment other = t.activation(t.activations(10));
    MemorySegment targets = t.input(IGNORED, IGNORED, IGNORED);
    MemorySegment out = t.output(3);
    MemorySegment dx = t.result(12);
    MemorySegment dhead = t.output(20);
    distil(t, s, x, head, y, other, targets, new Mix(0.5f, 2, 0.5f), out, dx, dhead);
    t.expect("loss", out, new double[3], 0);
    t.expect("dx", dx, t.type(), new double[12], 0);
    t.expect("dhead", dhead, new double[20], 0);
  }

  /** Who teaches itself has nothing to learn. */
  private static void itself(Trial t) {
    Shape s = new Shape(6, 8, 8, 40, 4);
    MemorySegment x = t.activation(t.activations(48, 5));
    MemorySegment head = t.activation(t.activations(320));
    MemorySegment targets = t.input(1, 2, 3, 4, 5, 6);
    MemorySegment out = t.output(3);
    MemorySegment dhead = t.output(320);
    distil(t, s, x, head, x, head, targets, new Mix(0, 3, 1), out, NONE, dhead);
    t.expect("loss", out, new double[] {t.values(out, Trial.F32)[0], 6, 0}, CLOSE);
    t.expect("dhead", dhead, new double[320], CLOSE);
  }

  private static void refuses(Trial t, int target, float temperature, float weight) {
    MemorySegment x = t.input(t.normal(6));
    MemorySegment head = t.input(t.normal(15));
    MemorySegment targets = t.input(1, target);
    MemorySegment scratch = t.output(20);
    MemorySegment out = t.output(3);
    t.expectRefusal(() ->
        t.on()
            .linearDistillation(
                Trial.F32,
                x,
                head,
                x,
                head,
                targets,
                2,
                3,
                3,
                5,
                2,
                1,
                0,
                temperature,
                weight,
                scratch,
                out,
                NONE,
                0,
                NONE));
  }
}
