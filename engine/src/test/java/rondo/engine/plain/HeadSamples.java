package rondo.engine.plain;

import static rondo.engine.plain.NormSamples.CLOSE;
import static rondo.engine.plain.NormSamples.EPS;
import static rondo.engine.plain.Trial.NONE;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.stream.Stream;
import rondo.engine.plain.OperationSamples.Case;

/** Bias, norm and rotation of queries and keys. */
final class HeadSamples {
  private HeadSamples() {}

  private record Shape(int rows, int heads, int kvHeads, int dim) {
    int queries() {
      return heads * dim;
    }

    int keys() {
      return kvHeads * dim;
    }

    int changed() {
      return queries() + keys();
    }

    int width() {
      return changed() + keys();
    }

    int all() {
      return rows * width();
    }

    @Override
    public String toString() {
      return " " + rows + " rows, " + heads + "/" + kvHeads + " heads of " + dim;
    }
  }

  static Stream<Case> all() {
    Stream.Builder<Case> cases = Stream.builder();
    Shape[] shapes = {
      new Shape(1, 1, 1, 2),
      new Shape(1, 4, 2, 16),
      new Shape(5, 3, 1, 6),
      new Shape(7, 6, 3, 10),
      new Shape(33, 2, 2, 64),
      new Shape(3, 9, 3, 128)
    };
    for (Shape s : shapes) {
      for (String variant : new String[] {"", " in place"}) {
        boolean inPlace = !variant.isEmpty();
        cases.add(Case.typed("rotary with bias" + s + variant, t -> bias(t, s, inPlace)));
        cases.add(Case.typed("rotary with gains" + s + variant, t -> norm(t, s, inPlace)));
        cases.add(
            Case.typed("query-key norm gradient" + s + variant, t -> normGrad(t, s, inPlace)));
        for (int flags = 0; flags < 4; flags++) {
          boolean interleaved = flags % 2 == 1;
          boolean inverse = flags / 2 == 1;
          String kind = (interleaved ? " interleaved" : " halves") + (inverse ? " inverse" : "");
          cases.add(
              Case.typed(
                  "rotary" + kind + s + variant, t -> rotary(t, s, interleaved, inverse, inPlace)));
        }
      }
      cases.add(Case.typed("bias gradient" + s, t -> biasGrad(t, s, 0)));
      cases.add(Case.typed("bias gradient added" + s, t -> biasGrad(t, s, 1)));
    }
    Shape small = new Shape(3, 2, 1, 4);
    cases.add(new Case("bias gradient by differences", t -> biasDifferences(t, small)));
    cases.add(new Case("query-key norm gradient by differences", t -> normDifferences(t, small)));
    cases.add(new Case("rotary gradient by differences", t -> rotaryDifferences(t, small, false)));
    cases.add(
        new Case(
            "rotary gradient by differences, interleaved", t -> rotaryDifferences(t, small, true)));
    cases.add(new Case("rotary refuses a bias and gains", t -> refusesTogether(t, small)));
    cases.add(new Case("rotary refuses a position of -1", t -> refuses(t, -1)));
    cases.add(new Case("rotary refuses a position past the table", t -> refuses(t, 8)));
    return cases.build();
  }

  // ---- bias

  private static double[] biased(double[] qkv, double[] bias, Shape s) {
    double[] out = qkv.clone();
    for (int r = 0; r < s.rows; r++) {
      for (int i = 0; i < s.changed(); i++) {
        out[r * s.width() + i] += bias[i];
      }
    }
    return out;
  }

  private static void bias(Trial t, Shape s, boolean inPlace) {
    double[] qkv = t.activations(s.all());
    double[] bias = t.normal(s.changed());
    double[] table = table(t.normal(TABLE_ROWS * s.dim / 2));
    int[] positions = t.below(TABLE_ROWS, s.rows);
    MemorySegment in = inPlace ? t.changing(qkv) : t.activation(qkv);
    MemorySegment out = inPlace ? in : t.result(s.all());
    t.on()
        .rotary(
            t.type(),
            in,
            t.input(bias),
            NONE,
            NONE,
            0,
            t.input(positions),
            t.input(table),
            TABLE_ROWS,
            s.rows,
            s.heads,
            s.kvHeads,
            s.dim,
            0,
            0,
            out,
            NONE);
    double[] expected = rotated(biased(qkv, bias, s), positions, table, s, false, false);
    t.expectActivations("out", out, expected, 1e-6);
  }

  private static void biasGrad(Trial t, Shape s, int accumulate) {
    double[] dout = t.activations(s.all());
    double[] before = t.normal(s.changed());
    double[] expected = accumulate == 1 ? before.clone() : new double[s.changed()];
    for (int r = 0; r < s.rows; r++) {
      for (int i = 0; i < s.changed(); i++) {
        expected[i] += dout[r * s.width() + i];
      }
    }
    MemorySegment dbias = accumulate == 1 ? t.state(before) : t.output(s.changed());
    t.on()
        .qkBiasGrad(
            t.type(), t.activation(dout), s.rows, s.heads, s.kvHeads, s.dim, accumulate, dbias);
    t.expect("dbias", dbias, expected, CLOSE);
  }

  private static void biasDifferences(Trial t, Shape s) {
    double[] qkv = t.normal(s.all());
    double[] dout = t.normal(s.all());
    double[] bias = t.normal(s.changed());
    MemorySegment dbias = t.output(s.changed());
    t.on().qkBiasGrad(Trial.F32, t.input(dout), s.rows, s.heads, s.kvHeads, s.dim, 0, dbias);
    double[] expected = Trial.differences(bias, v -> Trial.dot(dout, biased(qkv, v, s)));
    t.expect("dbias", dbias, expected, CLOSE);
  }

  // ---- norm

  /** Columns {@code from .. to - 1} of rows, dense. */
  private static double[] columns(double[] x, Shape s, int from, int to) {
    double[] part = new double[s.rows * (to - from)];
    for (int r = 0; r < s.rows; r++) {
      System.arraycopy(x, r * s.width() + from, part, r * (to - from), to - from);
    }
    return part;
  }

  private static void setColumns(double[] x, Shape s, int from, int to, double[] part) {
    for (int r = 0; r < s.rows; r++) {
      System.arraycopy(part, r * (to - from), x, r * s.width() + from, to - from);
    }
  }

  private static double[] normed(double[] qkv, double[] qGain, double[] kGain, Shape s) {
    int q = s.queries();
    int c = s.changed();
    double[] out = qkv.clone();
    double[] queries = columns(qkv, s, 0, q);
    double[] keys = columns(qkv, s, q, c);
    setColumns(out, s, 0, q, NormSamples.normed(queries, qGain, s.rows, q, EPS));
    setColumns(out, s, q, c, NormSamples.normed(keys, kGain, s.rows, c - q, EPS));
    return out;
  }

  private static double[] scales(double[] qkv, Shape s) {
    double[] q = NormSamples.rstd(columns(qkv, s, 0, s.queries()), s.rows, s.queries(), EPS);
    double[] k = NormSamples.rstd(columns(qkv, s, s.queries(), s.changed()), s.rows, s.keys(), EPS);
    double[] scales = new double[2 * s.rows];
    for (int r = 0; r < s.rows; r++) {
      scales[2 * r] = q[r];
      scales[2 * r + 1] = k[r];
    }
    return scales;
  }

  private static void norm(Trial t, Shape s, boolean inPlace) {
    double[] qkv = t.activations(s.all());
    double[] qGain = t.normal(s.queries());
    double[] kGain = t.normal(s.keys());
    double[] table = table(t.normal(TABLE_ROWS * s.dim / 2));
    int[] positions = t.below(TABLE_ROWS, s.rows);
    MemorySegment in = inPlace ? t.changing(qkv) : t.activation(qkv);
    MemorySegment out = inPlace ? in : t.result(s.all());
    MemorySegment rstd = inPlace ? NONE : t.output(2 * s.rows);
    t.on()
        .rotary(
            t.type(),
            in,
            NONE,
            t.input(qGain),
            t.input(kGain),
            EPS,
            t.input(positions),
            t.input(table),
            TABLE_ROWS,
            s.rows,
            s.heads,
            s.kvHeads,
            s.dim,
            1,
            0,
            out,
            rstd);
    double[] expected = rotated(normed(qkv, qGain, kGain, s), positions, table, s, true, false);
    t.expectActivations("out", out, expected, CLOSE);
    if (!inPlace) {
      t.expect("rstd", rstd, scales(qkv, s), CLOSE);
    }
  }

  private static void normGrad(Trial t, Shape s, boolean inPlace) {
    int q = s.queries();
    int c = s.changed();
    double[] qkv = t.activations(s.all());
    double[] qGain = t.normal(q);
    double[] kGain = t.normal(s.keys());
    double[] dout = t.activations(s.all());
    double[] rstd = Trial.rounded(scales(qkv, s));
    double[] qScales = new double[s.rows];
    double[] kScales = new double[s.rows];
    for (int r = 0; r < s.rows; r++) {
      qScales[r] = rstd[2 * r];
      kScales[r] = rstd[2 * r + 1];
    }
    double[] qBefore = t.normal(q);
    double[] kBefore = t.normal(s.keys());
    // In place also means: added to what the gradients of the gains hold.
    double[] dqGain = inPlace ? qBefore.clone() : new double[q];
    double[] dkGain = inPlace ? kBefore.clone() : new double[s.keys()];
    double[] expected = dout.clone();
    double[] queries = columns(qkv, s, 0, q);
    double[] keys = columns(qkv, s, q, c);
    double[] dq = columns(dout, s, 0, q);
    double[] dk = columns(dout, s, q, c);
    setColumns(
        expected, s, 0, q, NormSamples.normGrad(queries, qGain, qScales, dq, s.rows, q, dqGain));
    setColumns(
        expected, s, q, c, NormSamples.normGrad(keys, kGain, kScales, dk, s.rows, c - q, dkGain));
    for (int wanted = 0; wanted < 2; wanted++) {
      MemorySegment slope = inPlace ? t.changing(dout) : t.activation(dout);
      MemorySegment dqkv = inPlace ? slope : t.result(s.all());
      MemorySegment qOut = wanted == 0 ? NONE : inPlace ? t.state(qBefore) : t.output(q);
      MemorySegment kOut = wanted == 0 ? NONE : inPlace ? t.state(kBefore) : t.output(s.keys());
      t.on()
          .qkNormGrad(
              t.type(),
              t.activation(qkv),
              t.input(qGain),
              t.input(kGain),
              t.input(rstd),
              slope,
              s.rows,
              s.heads,
              s.kvHeads,
              s.dim,
              dqkv,
              inPlace ? 1 : 0,
              qOut,
              kOut);
      t.expectActivations("dqkv", dqkv, expected, CLOSE);
      if (wanted == 1) {
        t.expect("dq_gain", qOut, dqGain, CLOSE);
        t.expect("dk_gain", kOut, dkGain, CLOSE);
      }
    }
  }

  private static void normDifferences(Trial t, Shape s) {
    double[] qkv = t.normal(s.all());
    double[] qGain = t.normal(s.queries());
    double[] kGain = t.normal(s.keys());
    double[] dout = t.normal(s.all());
    double[] rstd = Trial.rounded(scales(qkv, s));
    MemorySegment dqkv = t.output(s.all());
    MemorySegment dqGain = t.output(s.queries());
    MemorySegment dkGain = t.output(s.keys());
    t.on()
        .qkNormGrad(
            Trial.F32,
            t.input(qkv),
            t.input(qGain),
            t.input(kGain),
            t.input(rstd),
            t.input(dout),
            s.rows,
            s.heads,
            s.kvHeads,
            s.dim,
            dqkv,
            0,
            dqGain,
            dkGain);
    t.expect(
        "dqkv",
        dqkv,
        Trial.differences(qkv, v -> Trial.dot(dout, normed(v, qGain, kGain, s))),
        CLOSE);
    t.expect(
        "dq_gain",
        dqGain,
        Trial.differences(qGain, v -> Trial.dot(dout, normed(qkv, v, kGain, s))),
        CLOSE);
    t.expect(
        "dk_gain",
        dkGain,
        Trial.differences(kGain, v -> Trial.dot(dout, normed(qkv, qGain, v, s))),
        CLOSE);
  }

  // ---- rotation

  private static final int TABLE_ROWS = 8;

  /** Angles without a pattern: the function must read the table, not know its formula. */
  private static double[] table(double[] angles) {
    double[] table = new double[2 * angles.length];
    for (int i = 0; i < angles.length; i++) {
      table[2 * i] = (float) Math.cos(angles[i]);
      table[2 * i + 1] = (float) Math.sin(angles[i]);
    }
    return table;
  }

  private static double[] rotated(
      double[] qkv,
      int[] positions,
      double[] table,
      Shape s,
      boolean interleaved,
      boolean inverse) {
    double[] out = qkv.clone();
    for (int r = 0; r < s.rows; r++) {
      for (int h = 0; h < s.heads + s.kvHeads; h++) {
        for (int j = 0; j < s.dim / 2; j++) {
          int head = r * s.width() + h * s.dim;
          int first = head + (interleaved ? 2 * j : j);
          int second = head + (interleaved ? 2 * j + 1 : j + s.dim / 2);
          double cos = table[positions[r] * s.dim + 2 * j];
          double sin = table[positions[r] * s.dim + 2 * j + 1];
          if (inverse) {
            sin = -sin;
          }
          out[first] = qkv[first] * cos - qkv[second] * sin;
          out[second] = qkv[first] * sin + qkv[second] * cos;
        }
      }
    }
    return out;
  }

  private static void rotary(
      Trial t, Shape s, boolean interleaved, boolean inverse, boolean inPlace) {
    double[] qkv = t.activations(s.all());
    double[] table = table(t.normal(TABLE_ROWS * s.dim / 2));
    int[] positions = t.below(TABLE_ROWS, s.rows);
    MemorySegment in = inPlace ? t.changing(qkv) : t.activation(qkv);
    MemorySegment out = inPlace ? in : t.result(s.all());
    t.on()
        .rotary(
            t.type(),
            in,
            NONE,
            NONE,
            NONE,
            0,
            t.input(positions),
            t.input(table),
            TABLE_ROWS,
            s.rows,
            s.heads,
            s.kvHeads,
            s.dim,
            interleaved ? 1 : 0,
            inverse ? 1 : 0,
            out,
            NONE);
    t.expectActivations("out", out, rotated(qkv, positions, table, s, interleaved, inverse), 1e-6);
  }

  private static void rotaryDifferences(Trial t, Shape s, boolean interleaved) {
    double[] dout = t.normal(s.all());
    double[] table = table(t.normal(TABLE_ROWS * s.dim / 2));
    int[] positions = t.below(TABLE_ROWS, s.rows);
    MemorySegment out = t.output(s.all());
    t.on()
        .rotary(
            Trial.F32,
            t.input(dout),
            NONE,
            NONE,
            NONE,
            0,
            t.input(positions),
            t.input(table),
            TABLE_ROWS,
            s.rows,
            s.heads,
            s.kvHeads,
            s.dim,
            interleaved ? 1 : 0,
            1,
            out,
            NONE);
    double[] expected =
        Trial.differences(
            t.normal(s.all()),
            v -> Trial.dot(dout, rotated(v, positions, table, s, interleaved, false)));
    t.expect("dqkv", out, expected, 1e-6);
  }

  private static void refuses(Trial t, int position) {
    Shape s = new Shape(3, 1, 1, 4);
    int[] positions = new int[3];
    Arrays.fill(positions, 2);
    positions[2] = position;
    refuses(t, s, positions, NONE, NONE);
  }

  private static void refusesTogether(Trial t, Shape s) {
    MemorySegment bias = t.input(t.normal(s.changed()));
    refuses(t, s, new int[s.rows], bias, t.input(t.normal(s.queries())));
  }

  private static void refuses(
      Trial t, Shape s, int[] positions, MemorySegment bias, MemorySegment gain) {
    MemorySegment in = t.input(t.normal(s.all()));
    MemorySegment rows = t.input(positions);
    MemorySegment table = t.input(table(t.normal(TABLE_ROWS * s.dim / 2)));
    MemorySegment out = t.output(s.all());
    t.expectRefusal(() ->
        t.on()
            .rotary(
                Trial.F32,
                in,
                bias,
                gain,
                gain,
                EPS,
                rows,
                table,
                TABLE_ROWS,
                s.rows,
                s.heads,
                s.kvHeads,
                s.dim,
                0,
                0,
                out,
                NONE));
  }
}
