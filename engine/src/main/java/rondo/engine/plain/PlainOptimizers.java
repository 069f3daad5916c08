package rondo.engine.plain;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import java.lang.foreign.MemorySegment;

/** Gradient clipping, AdamW, ELLISAdam and the elementwise parts of Muon. */
interface PlainOptimizers extends Plain {

  @Override
  default void sumSquares(MemorySegment x, long n, MemorySegment out) {
    Arguments.extents("rondo_sum_squares", n);
    out.setAtIndex(JAVA_FLOAT, 0, (float) squares(x, 0, n));
  }

  @Override
  default void clipFactor(MemorySegment sumSquares, float maxNorm, MemorySegment out) {
    double norm = Math.sqrt(Rows.f32(sumSquares, 0));
    out.setAtIndex(JAVA_FLOAT, 0, (float) norm);
    out.setAtIndex(JAVA_FLOAT, 1, maxNorm <= 0 ? 1 : (float) Math.min(1, maxNorm / (norm + 1e-6)));
  }

  @Override
  default void adamw(
      MemorySegment p,
      MemorySegment g,
      MemorySegment m,
      MemorySegment v,
      MemorySegment control,
      MemorySegment clip,
      long n,
      float beta1,
      float beta2,
      float eps,
      float weightDecay) {
    Arguments.extents("rondo_adamw", n);
    double lr = Rows.f32(control, 0);
    double unbias1 = Rows.f32(control, 1);
    double unbias2 = Rows.f32(control, 2);
    double factor = Rows.f32(clip, 1);
    for (long at = 0; at < n; at += Rows.CHUNK) {
      int count = (int) Math.min(Rows.CHUNK, n - at);
      double[] weight = rows().read(0, p, at, count);
      double[] slope = rows().read(1, g, at, count);
      double[] mean = rows().read(2, m, at, count);
      double[] square = rows().read(3, v, at, count);
      for (int i = 0; i < count; i++) {
        double clipped = slope[i] * factor;
        mean[i] = beta1 * mean[i] + (1.0 - beta1) * clipped;
        square[i] = beta2 * square[i] + (1.0 - beta2) * clipped * clipped;
        double step = mean[i] / unbias1 / (Math.sqrt(square[i] / unbias2) + eps);
        weight[i] = weight[i] * (1 - lr * weightDecay) - lr * step;
      }
      rows().write(mean, count, m, at);
      rows().write(square, count, v, at);
      rows().write(weight, count, p, at);
    }
  }

  @Override
  default void ellisAdam(
      MemorySegment p,
      MemorySegment g,
      MemorySegment m,
      MemorySegment v,
      MemorySegment control,
      MemorySegment clip,
      long n,
      float beta1,
      float beta2,
      float eps,
      float weightDecay,
      int updateClipping,
      int useAtan2) {
    Arguments.extents("rondo_ellis_adam", n);
    if (updateClipping != 0 && !(eps >= 1.1e-19f)) {
      throw Arguments.refused("rondo_ellis_adam", "eps " + eps, "at least 1.1e-19");
    }
    double factor = Rows.f32(clip, 1);
    boolean begins = Rows.f32(control, 4) != 0;
    double least = updateClipping != 0 ? (double) eps * eps : 0;
    double ratios = 0;
    for (long at = 0; at < n; at += Rows.CHUNK) {
      int count = (int) Math.min(Rows.CHUNK, n - at);
      double[] slope = rows().read(1, g, at, count);
      double[] mean = rows().read(2, m, at, count);
      double[] square = rows().read(3, v, at, count);
      for (int i = 0; i < count; i++) {
        double clipped = slope[i] * factor;
        mean[i] = begins ? clipped : beta1 * mean[i] + (1.0 - beta1) * clipped;
        double squared = clipped * clipped;
        square[i] = begins ? squared : beta2 * square[i] + (1.0 - beta2) * squared;
        square[i] = Math.max(square[i], least);
        ratios += squared / square[i];
      }
      rows().write(mean, count, m, at);
      rows().write(square, count, v, at);
    }
    double rho = updateClipping != 0 ? Math.sqrt(ratios / n) : 0;
    double rate = Rows.f32(control, 0) / Math.max(1, rho) / Rows.f32(control, 1);
    double root = Math.sqrt(Rows.f32(control, 2));
    double keep = 1 - Rows.f32(control, 3) * (double) weightDecay;
    for (long at = 0; at < n; at += Rows.CHUNK) {
      int count = (int) Math.min(Rows.CHUNK, n - at);
      double[] weight = rows().read(0, p, at, count);
      double[] mean = rows().read(2, m, at, count);
      double[] square = rows().read(3, v, at, count);
      for (int i = 0; i < count; i++) {
        double size = Math.sqrt(square[i]) / root;
        double step = useAtan2 != 0 ? Math.atan2(mean[i], size) : mean[i] / (size + eps);
        weight[i] = weight[i] * keep - rate * step;
      }
      rows().write(weight, count, p, at);
    }
  }

  @Override
  default void muonMomentum(
      MemorySegment m,
      MemorySegment g,
      MemorySegment clip,
      long n,
      float momentum,
      MemorySegment u) {
    Arguments.extents("rondo_muon_momentum", n);
    double factor = Rows.f32(clip, 1);
    for (long at = 0; at < n; at += Rows.CHUNK) {
      int count = (int) Math.min(Rows.CHUNK, n - at);
      double[] mean = rows().read(0, m, at, count);
      double[] slope = rows().read(1, g, at, count);
      for (int i = 0; i < count; i++) {
        double clipped = slope[i] * factor;
        mean[i] += (1.0 - momentum) * (clipped - mean[i]);
        slope[i] = clipped + momentum * (mean[i] - clipped);
      }
      rows().write(mean, count, m, at);
      rows().write(slope, count, u, at);
    }
  }

  @Override
  default void normalizeMatrices(
      MemorySegment x, long batch, long n, float eps, MemorySegment out, int outType) {
    Arguments.extents("rondo_normalize_matrices", batch, n);
    Arguments.floatType("rondo_normalize_matrices", "out_type", outType);
    for (long e = 0; e < batch; e++) {
      double norm = Math.sqrt(squares(x, e * n, n)) + eps;
      for (long at = 0; at < n; at += Rows.CHUNK) {
        int count = (int) Math.min(Rows.CHUNK, n - at);
        double[] value = rows().read(0, x, e * n + at, count);
        for (int i = 0; i < count; i++) {
          value[i] /= norm;
        }
        rows().write(value, 0, count, out, outType, e * n + at);
      }
    }
  }

  @Override
  default void muonApply(
      MemorySegment p,
      MemorySegment o,
      int oType,
      MemorySegment control,
      long n,
      float scale,
      float weightDecay) {
    Arguments.extents("rondo_muon_apply", n);
    Arguments.floatType("rondo_muon_apply", "o_type", oType);
    double lr = Rows.f32(control, 0);
    for (long at = 0; at < n; at += Rows.CHUNK) {
      int count = (int) Math.min(Rows.CHUNK, n - at);
      double[] weight = rows().read(0, p, at, count);
      double[] step = rows().array(1, count);
      rows().read(o, oType, at, step, 0, count);
      for (int i = 0; i < count; i++) {
        weight[i] = weight[i] * (1 - lr * weightDecay) - lr * scale * step[i];
      }
      rows().write(weight, count, p, at);
    }
  }

  private double squares(MemorySegment x, long first, long n) {
    double sum = 0;
    for (long at = 0; at < n; at += Rows.CHUNK) {
      int count = (int) Math.min(Rows.CHUNK, n - at);
      double[] value = rows().read(0, x, first + at, count);
      sum += Rows.dot(value, 0, value, 0, count);
    }
    return sum;
  }
}
