package rondo.engine.plain;

import static java.lang.foreign.ValueLayout.JAVA_INT;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;

/** What changes queries and keys where they lie, in rows of all queries, all keys, all values. */
interface PlainHeads extends Plain {

  @Override
  default void qkBias(
      MemorySegment qkv,
      MemorySegment bias,
      long rows,
      long heads,
      long kvHeads,
      long headDim,
      MemorySegment out) {
    Arguments.extents("rondo_qk_bias", rows);
    int width = width("rondo_qk_bias", heads, kvHeads, headDim);
    int changed = Math.toIntExact((heads + kvHeads) * headDim);
    double[] terms = rows().read(0, bias, 0, changed);
    for (long r = 0; r < rows; r++) {
      double[] row = rows().read(1, qkv, r * width, width);
      Rows.addScaled(1, terms, 0, row, 0, changed);
      rows().write(row, width, out, r * width);
    }
  }

  @Override
  default void qkBiasGrad(
      MemorySegment dout,
      long rows,
      long heads,
      long kvHeads,
      long headDim,
      int accumulate,
      MemorySegment dbias) {
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
      double[] row = rows().read(1, dout, r * width, changed);
      Rows.addScaled(1, row, 0, sums, 0, changed);
    }
    rows().write(sums, changed, dbias, 0);
  }

  @Override
  default void qkNorm(
      MemorySegment qkv,
      MemorySegment qGain,
      MemorySegment kGain,
      float eps,
      long rows,
      long heads,
      long kvHeads,
      long headDim,
      MemorySegment out,
      MemorySegment rstd) {
    Arguments.extents("rondo_qk_norm", rows);
    int width = width("rondo_qk_norm", heads, kvHeads, headDim);
    int queries = Math.toIntExact(heads * headDim);
    int keys = Math.toIntExact(kvHeads * headDim);
    double[] gains = gains(qGain, queries, kGain, keys);
    double[] scales = rows().array(1, 2);
    for (long r = 0; r < rows; r++) {
      double[] row = rows().read(2, qkv, r * width, width);
      scales[0] = PlainNorms.norm(row, 0, queries, gains, eps);
      scales[1] = PlainNorms.norm(row, queries, keys, gains, eps);
      rows().write(row, width, out, r * width);
      if (Arguments.given(rstd)) {
        rows().write(scales, 2, rstd, 2 * r);
      }
    }
  }

  @Override
  default void qkNormGrad(
      MemorySegment qkv,
      MemorySegment qGain,
      MemorySegment kGain,
      MemorySegment rstd,
      MemorySegment dout,
      long rows,
      long heads,
      long kvHeads,
      long headDim,
      MemorySegment dqkv,
      int accumulateGains,
      MemorySegment dqGain,
      MemorySegment dkGain) {
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
      double[] row = rows().read(2, qkv, r * width, width);
      double[] slope = rows().read(3, dout, r * width, width);
      double qScale = Rows.f32(rstd, 2 * r);
      double kScale = Rows.f32(rstd, 2 * r + 1);
      PlainNorms.normGrad(row, 0, queries, gains, qScale, slope, gainSums);
      PlainNorms.normGrad(row, queries, keys, gains, kScale, slope, gainSums);
      rows().write(slope, width, dqkv, r * width);
    }
    if (wanted) {
      rows().write(gainSums, 0, queries, dqGain, Rows.F32, 0);
      rows().write(gainSums, queries, keys, dkGain, Rows.F32, 0);
    }
  }

  @Override
  default void rotary(
      MemorySegment qkv,
      MemorySegment positions,
      MemorySegment table,
      long tableRows,
      long rows,
      long heads,
      long kvHeads,
      long headDim,
      int interleaved,
      int inverse,
      MemorySegment out) {
    Arguments.extents("rondo_rotary", tableRows, rows);
    int width = width("rondo_rotary", heads, kvHeads, headDim);
    if (headDim % 2 != 0) {
      throw Arguments.refused("rondo_rotary", "head_dim " + headDim, "an even one");
    }
    for (long r = 0; r < rows; r++) {
      int position = positions.getAtIndex(JAVA_INT, r);
      if (position < 0 || position >= tableRows) {
        String found = "position " + position + " in row " + r;
        throw Arguments.refused("rondo_rotary", found, "0.." + (tableRows - 1));
      }
    }
    int dim = (int) headDim;
    int half = dim / 2;
    int step = interleaved != 0 ? 2 : 1;
    int mate = interleaved != 0 ? 1 : half;
    int direction = inverse != 0 ? -1 : 1;
    for (long r = 0; r < rows; r++) {
      double[] row = rows().read(0, qkv, r * width, width);
      double[] turn = rows().read(1, table, positions.getAtIndex(JAVA_INT, r) * headDim, dim);
      for (int h = 0; h < heads + kvHeads; h++) {
        for (int j = 0; j < half; j++) {
          double cos = turn[2 * j];
          double sin = direction * turn[2 * j + 1];
          int first = h * dim + step * j;
          double a = row[first];
          double b = row[first + mate];
          row[first] = a * cos - b * sin;
          row[first + mate] = a * sin + b * cos;
        }
      }
      rows().write(row, width, out, r * width);
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
