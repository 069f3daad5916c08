package rondo.engine.plain;

import java.lang.foreign.MemorySegment;

/** Memory and elementwise operations. */
interface PlainElementwise extends Plain {

  @Override
  default void copy(MemorySegment from, MemorySegment to, long bytes) {
    Arguments.extents("rondo_copy", bytes);
    MemorySegment.copy(from, 0, to, 0, bytes);
  }

  @Override
  default void zero(MemorySegment memory, long bytes) {
    Arguments.extents("rondo_zero", bytes);
    memory.asSlice(0, bytes).fill((byte) 0);
  }

  @Override
  default void add(MemorySegment a, MemorySegment b, long n, MemorySegment out) {
    Arguments.extents("rondo_add", n);
    for (long at = 0; at < n; at += Rows.CHUNK) {
      int count = (int) Math.min(Rows.CHUNK, n - at);
      double[] sum = rows().read(0, a, at, count);
      double[] term = rows().read(1, b, at, count);
      for (int i = 0; i < count; i++) {
        sum[i] += term[i];
      }
      rows().write(sum, count, out, at);
    }
  }

  @Override
  default void scale(MemorySegment x, float factor, long n, MemorySegment out) {
    Arguments.extents("rondo_scale", n);
    for (long at = 0; at < n; at += Rows.CHUNK) {
      int count = (int) Math.min(Rows.CHUNK, n - at);
      double[] value = rows().read(0, x, at, count);
      for (int i = 0; i < count; i++) {
        value[i] *= factor;
      }
      rows().write(value, count, out, at);
    }
  }

  @Override
  default void cast(MemorySegment x, int from, long n, MemorySegment out, int to) {
    Arguments.extents("rondo_cast", n);
    Arguments.floatType("rondo_cast", "from", from);
    Arguments.floatType("rondo_cast", "to", to);
    for (long at = 0; at < n; at += Rows.CHUNK) {
      int count = (int) Math.min(Rows.CHUNK, n - at);
      double[] value = rows().array(0, count);
      rows().read(x, from, at, value, 0, count);
      rows().write(value, 0, count, out, to, at);
    }
  }

  @Override
  default void gatedSilu(MemorySegment x, long rows, long width, MemorySegment y) {
    Arguments.extents("rondo_gated_silu", rows, width);
    int half = Math.toIntExact(width);
    double[] result = rows().array(1, half);
    for (long r = 0; r < rows; r++) {
      double[] in = rows().read(0, x, r * 2 * width, Math.multiplyExact(2, half));
      for (int i = 0; i < half; i++) {
        result[i] = in[i] * sigmoid(in[i]) * in[half + i];
      }
      rows().write(result, half, y, r * width);
    }
  }

  @Override
  default void gatedSiluGrad(
      MemorySegment x, MemorySegment dy, long rows, long width, MemorySegment dx) {
    Arguments.extents("rondo_gated_silu_grad", rows, width);
    int half = Math.toIntExact(width);
    for (long r = 0; r < rows; r++) {
      double[] in = rows().read(0, x, r * 2 * width, Math.multiplyExact(2, half));
      double[] up = rows().read(1, dy, r * width, half);
      for (int i = 0; i < half; i++) {
        double gate = in[i];
        double s = sigmoid(gate);
        in[i] = up[i] * in[half + i] * s * (1 + gate * (1 - s));
        in[half + i] = up[i] * gate * s;
      }
      rows().write(in, 2 * half, dx, r * 2 * width);
    }
  }

  private static double sigmoid(double x) {
    return 1 / (1 + Math.exp(-x));
  }
}
