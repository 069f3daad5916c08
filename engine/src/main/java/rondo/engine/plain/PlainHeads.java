package rondo.engine.plain;

import static java.lang.foreign.ValueLayout.JAVA_INT;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;

/** Bias, norm and rotation of queries and keys, in rows of all queries, all keys, all values. */
interface PlainHeads extends Plain {

  @Override
  default void rotary(
      int type,
      MemorySegment qkv,
      MemorySegment bias,
      MemorySegment qGain,
      MemorySegment kGain,
      float eps,
      MemorySegment positions,
      MemorySegment table,
      long tableRows,
      long rows,
      long heads,
      long kvHeads,
      long headDim,
      int interleaved,
      int inverse,
      MemorySegment out,
      MemorySegment rstd) {
    String function = "rondo_rotary";
    Arguments.type(function, type);
    Arguments.extents(function, tableRows, rows);
    int width = width(function, heads, kvHeads, headDim);
    boolean biased = Arguments.given(bias);
    boolean normed = Arguments.given(qGain);
    if (headDim % 2 != 0) {
      throw Arguments.refused(function, "head_dim " + headDim, "an even one");
    }
    if (normed != Arguments.given(kGain)) {
      throw Arguments.refused(function, "one of q_gain, k_gain null", "both or none");
    }
    if (biased && normed) {
      throw Arguments.refused(function, "a bias and gains", "one of them");
    }
    if (inverse != 0 && (biased || normed)) {
      throw Arguments.refused(function, "inverse with a bias or gains", "none");
    }
    positions(function, positions, rows, tableRows);
    int queries = Math.toIntExact(heads * headDim);
    int keys = Math.toIntExact(kvHeads * headDim);
    double[] gains = normed ? gains(qGain, queries, kGain, keys) : rows().array(0, 0);
    double[] terms = biased ? rows().read(0, bias, 0, queries + keys) : rows().array(0, 0);
    double[] scales = rows().array(3, 2);
    for (long r = 0; r < rows; r++) {
      double[] row = rows().read(1, qkv, type, r * width, width);
      if (biased) {
        Rows.addScaled(1, terms, 0, row, 0, queries + keys);
      }
      if (normed) {
        scales[0] = PlainNorms.norm(row, 0, queries, gains, eps);
        scales[1] = PlainNorms.norm(row, queries, keys, gains, eps);
      }
      if (normed && Arguments.given(rstd)) {
        rows().write(scales, 2, rstd, 2 * r);
      }
      long turnAt = positions.getAtIndex(JAVA_INT, r) * headDim;
      double[] turn = rows().read(2, table, turnAt, (int) headDim);
      for (int h = 0; h < heads + kvHeads; h++) {
        rotate(row, h * (int) headDim, (int) headDim, turn, interleaved != 0, inverse != 0);
      }
      rows().write(row, width, out, type, r * width);
    }
  }

  private static void positions(
      String function, MemorySegment positions, long rows, long tableRows) {
    for (long r = 0; r < rows; r++) {
      int position = positions.getAtIndex(JAVA_INT, r);
      if (position < 0 || position >= tableRows) {
        String found = "position " + position + " in row " + r;
        throw Arguments.refused(function, found, "0.." + (tableRows - 1));
      }
    }
  }

  /** Turns each pair of one head by its angle. */
  private static void rotate(
      double[] row, int at, int dim, double[] turn, boolean interleaved, boolean inverse) {
    int step = interleaved ? 2 : 1;
    int mate = interleaved ? 1 : dim / 2;
    for (int j = 0; j < dim / 2; j++) {
      double cos = turn[2 * j];
      double sin = inverse ? -turn[2 * j + 1] : turn[2 * j + 1];
      int first = at + step * j;
      double a = row[first];
      double b = row[first + mate];
      row[first] = a * cos - b * sin;
      row[first + mate] = a * sin + b * cos;
    }
  }

  @Override
  default void qkBiasGrad(
      int type,
      MemorySegment d,
      long rows,
      long heads,
      long kvHeads,
      long headDim,
      int accumulate,
      MemorySegment dbias) {
    Arguments.type("rondo_qk_bias_grad", type);
    Arguments.extents("rondo_qk_bias_grad", rows);
    int width = width("rondo_qk_bias_grad", heads, kvHeads, headDim);
    int changed = Math.toIntExact((heads + kvHeads) * headDim);
    double[] sums = rows().array(0, changed);
    if (accumulate != 0) {
      rows().read(0, dbias, 0, changed);
    } else {
      Arrays.fill(sums, 0, changed, 0);
    }
    for (long r = 0; r < rows; r++) {
      double[] row = rows().read(1, d, type, r * width, changed);
      Rows.addScaled(1, row, 0, sums, 0, changed);
    }
    rows().write(sums, changed, dbias, 0);
  }

  @Override
  default void qkNormGrad(
      int type,
      MemorySegment qkv,
      MemorySegment qGain,
      MemorySegment kGain,
      MemorySegment rstd,
      MemorySegment d,
      long rows,
      long heads,
      long kvHeads,
      long headDim,
      MemorySegment dqkv,
      int accumulateGains,
      MemorySegment dqGain,
      MemorySegment dkGain) {
    Arguments.type("rondo_qk_norm_grad", type);
    Arguments.extents("rondo_qk_norm_grad", rows);
    int width = width("rondo_qk_norm_grad", heads, kvHeads, headDim);
    int queries = Math.toIntExact(heads * headDim);
    int keys = Math.toIntExact(kvHeads * headDim);
    boolean wanted = Arguments.given(dqGain);
    if (wanted != Arguments.given(dkGain)) {
      throw Arguments.refused("rondo_qk_norm_grad", "one of dq_gain, dk_gain null", "both or none");
    }
    double[] gains = gains(qGain, queries, kGain, keys);
    double[] gainSums = rows().array(1, queries + keys);
    Arrays.fill(gainSums, 0, queries + keys, 0);
    if (wanted && accumulateGains != 0) {
      rows().read(dqGain, Rows.F32, 0, gainSums, 0, queries);
      rows().read(dkGain, Rows.F32, 0, gainSums, queries, keys);
    }
    for (long r = 0; r < rows; r++) {
      double[] row = rows().read(2, qkv, type, r * width, width);
      double[] slope = rows().read(3, d, type, r * width, width);
      double qScale = Rows.f32(rstd, 2 * r);
      double kScale = Rows.f32(rstd, 2 * r + 1);
      PlainNorms.normGrad(row, 0, queries, gains, qScale, slope, gainSums);
      PlainNorms.normGrad(row, queries, keys, gains, kScale, slope, gainSums);
      rows().write(slope, width, dqkv, type, r * width);
    }
    if (wanted) {
      rows().write(gainSums, 0, queries, dqGain, Rows.F32, 0);
      rows().write(gainSums, queries, keys, dkGain, Rows.F32, 0);
    }
  }

  private static int width(String function, long heads, long kvHeads, long headDim) {
    Arguments.heads(function, heads, kvHeads, headDim);
    return Math.toIntExact((heads + 2 * kvHeads) * headDim);
  }

  private double[] gains(MemorySegment qGain, int queries, MemorySegment kGain, int keys) {
    double[] gains = rows().array(0, queries + keys);
    rows().read(qGain, Rows.F32, 0, gains, 0, queries);
    rows().read(kGain, Rows.F32, 0, gains, queries, keys);
    return gains;
  }
}
