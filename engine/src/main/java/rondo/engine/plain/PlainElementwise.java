package rondo.engine.plain;

import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.MemorySegment;

/** Elementwise operations. */
interface PlainElementwise extends Plain {

  @Override
  default void add(int type, MemorySegment a, MemorySegment b, long n, MemorySegment out) {
    Arguments.type("rondo_add", type);
    Arguments.extents("rondo_add", n);
    for (long at = 0; at < n; at += Rows.CHUNK) {
      int count = (int) Math.min(Rows.CHUNK, n - at);
      double[] sum = rows().read(0, a, type, at, count);
      double[] term = rows().read(1, b, type, at, count);
      for (int i = 0; i < count; i++) {
        sum[i] += term[i];
      }
      rows().write(sum, count, out, type, at);
    }
  }

  @Override
  default void scale(int type, MemorySegment x, float factor, long n, MemorySegment out) {
    Arguments.type("rondo_scale", type);
    Arguments.extents("rondo_scale", n);
    for (long at = 0; at < n; at += Rows.CHUNK) {
      int count = (int) Math.min(Rows.CHUNK, n - at);
      double[] value = rows().read(0, x, type, at, count);
      for (int i = 0; i < count; i++) {
        value[i] *= factor;
      }
      rows().write(value, count, out, type, at);
    }
  }

  @Override
  default void cast(MemorySegment x, int from, long n, MemorySegment out, int to) {
    Arguments.extents("rondo_cast", n);
    Arguments.floatType("rondo_cast", "from", from);
    Arguments.floatType("rondo_cast", "to", to);
    for (long at = 0; at < n; at += Rows.CHUNK) {
      int count = (int) Math.min(Rows.CHUNK, n - at);
      rows().write(rows().read(0, x, from, at, count), count, out, to, at);
    }
  }

  @Override
  default void firstNonfinite(int type, MemorySegment x, long n, MemorySegment out) {
    Arguments.type("rondo_first_nonfinite", type);
    Arguments.extents("rondo_first_nonfinite", n);
    long i = 0;
    while (i < n && Double.isFinite(Rows.get(x, type, i))) {
      i++;
    }
    out.set(JAVA_LONG, 0, i < n ? i : -1);
  }

  @Override
  default void gatedSilu(int type, MemorySegment x, long rows, long width, MemorySegment y) {
    Arguments.type("rondo_gated_silu", type);
    Arguments.extents("rondo_gated_silu", rows, width);
    int half = Math.toIntExact(width);
    double[] result = rows().array(1, half);
    for (long r = 0; r < rows; r++) {
      double[] in = rows().read(0, x, type, r * 2 * width, Math.multiplyExact(2, half));
      for (int i = 0; i < half; i++) {
        result[i] = in[i] * sigmoid(in[i]) * in[half + i];
      }
      rows().write(result, half, y, type, r * width);
    }
  }

  @Override
  default void gatedSiluGrad(
      int type, MemorySegment x, MemorySegment dy, long rows, long width, MemorySegment dx) {
    Arguments.type("rondo_gated_silu_grad", type);
    Arguments.extents("rondo_gated_silu_grad", rows, width);
    int half = Math.toIntExact(width);
    for (long r = 0; r < rows; r++) {
      double[] in = rows().read(0, x, type, r * 2 * width, Math.multiplyExact(2, half));
      double[] up = rows().read(1, dy, type, r * width, half);
      for (int i = 0; i < half; i++) {
        double gate = in[i];
        double s = sigmoid(gate);
        in[i] = up[i] * in[half + i] * s * (1 + gate * (1 - s));
        in[half + i] = up[i] * gate * s;
      }
      rows().write(in, 2 * half, dx, type, r * 2 * width);
    }
  }

  private static double sigmoid(double x) {
    return 1 / (1 + Math.exp(-x));
  }
}
