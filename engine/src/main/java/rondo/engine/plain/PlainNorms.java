package rondo.engine.plain;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;

/** RMSNorm of rows, with the residual sum before it and the carried gradient behind it. */
interface PlainNorms extends Plain {

  @Override
  default void rmsNorm(
      int type,
      MemorySegment x,
      MemorySegment residual,
      MemorySegment gain,
      float eps,
      long rows,
      long width,
      MemorySegment sum,
      MemorySegment y,
      MemorySegment rstd) {
    Arguments.type("rondo_rms_norm", type);
    Arguments.extents("rondo_rms_norm", rows, width);
    int columns = Math.toIntExact(width);
    double[] gains = rows().read(0, gain, 0, columns);
    double[] scales = rows().array(1, 1);
    for (long r = 0; r < rows; r++) {
      double[] row = rows().read(2, x, type, r * width, columns);
      if (Arguments.given(residual)) {
        double[] term = rows().read(3, residual, type, r * width, columns);
        for (int i = 0; i < columns; i++) {
          // The norm is of the sum as it is stored, because the gradient will read that.
          row[i] = Rows.rounded(type, row[i] + term[i]);
        }
      }
      if (Arguments.given(sum)) {
        rows().write(row, columns, sum, type, r * width);
      }
      scales[0] = norm(row, 0, columns, gains, eps);
      rows().write(row, columns, y, type, r * width);
      if (Arguments.given(rstd)) {
        rows().write(scales, 1, rstd, r);
      }
    }
  }

  @Override
  default void rmsNormGrad(
      int type,
      MemorySegment x,
      MemorySegment gain,
      MemorySegment rstd,
      MemorySegment dy,
      MemorySegment carry,
      long rows,
      long width,
      MemorySegment dx,
      int accumulateDgain,
      MemorySegment dgain) {
    Arguments.type("rondo_rms_norm_grad", type);
    Arguments.extents("rondo_rms_norm_grad", rows, width);
    int columns = Math.toIntExact(width);
    double[] gains = rows().read(0, gain, 0, columns);
    double[] gainSums = rows().array(1, columns);
    if (accumulateDgain != 0 && Arguments.given(dgain)) {
      rows().read(1, dgain, 0, columns);
    } else {
      Arrays.fill(gainSums, 0, columns, 0);
    }
    for (long r = 0; r < rows; r++) {
      double[] row = rows().read(2, x, type, r * width, columns);
      double[] slope = rows().read(3, dy, type, r * width, columns);
      normGrad(row, 0, columns, gains, Rows.f32(rstd, r), slope, gainSums);
      if (Arguments.given(carry)) {
        double[] term = rows().read(2, carry, type, r * width, columns);
        Rows.addScaled(1, term, 0, slope, 0, columns);
      }
      rows().write(slope, columns, dx, type, r * width);
    }
    if (Arguments.given(dgain)) {
      rows().write(gainSums, columns, dgain, 0);
    }
  }

  /** Norms {@code count} elements in place and returns 1/rms. The gains lie at the same offset. */
  static double norm(double[] row, int at, int count, double[] gains, double eps) {
    double rstd = 1 / Math.sqrt(Rows.dot(row, at, row, at, count) / count + eps);
    for (int i = at; i < at + count; i++) {
      row[i] *= rstd * gains[i];
    }
    return rstd;
  }

  /** Turns dy into dx in place and adds the row to the sums for dgain. */
  static void normGrad(
      double[] row,
      int at,
      int count,
      double[] gains,
      double rstd,
      double[] slope,
      double[] gainSums) {
    double mean = 0;
    for (int i = at; i < at + count; i++) {
      double normed = row[i] * rstd;
      gainSums[i] += slope[i] * normed;
      slope[i] *= gains[i];
      mean += slope[i] * normed / count;
    }
    for (int i = at; i < at + count; i++) {
      slope[i] = rstd * (slope[i] - row[i] * rstd * mean);
    }
  }
}
