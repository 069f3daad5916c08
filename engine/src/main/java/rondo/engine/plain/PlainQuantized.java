package rondo.engine.plain;

import java.lang.foreign.MemorySegment;

/** Weights of 8 bits with one scale for each row, and products with them. */
interface PlainQuantized extends Plain {

  @Override
  default void quantizeRows(
      MemorySegment w, long rows, long width, MemorySegment q, int qType, MemorySegment scale) {
    Arguments.extents("rondo_quantize_rows", rows, width);
    Arguments.quantizedType("rondo_quantize_rows", qType);
    int columns = Math.toIntExact(width);
    for (long r = 0; r < rows; r++) {
      double[] row = rows().read(0, w, r * width, columns);
      float largest = 0;
      for (int i = 0; i < columns; i++) {
        largest = Math.max(largest, (float) Math.abs(row[i]));
      }
      float unit = largest / (qType == Rows.I8 ? 127 : 448);
      for (int i = 0; i < columns; i++) {
        row[i] = unit == 0 ? 0 : (float) row[i] / unit;
      }
      rows().write(row, columns, q, qType, r * width);
      Rows.set(scale, Rows.F32, r, unit);
    }
  }

  @Override
  default void quantizedLinear(
      int type,
      MemorySegment x,
      long rows,
      MemorySegment q,
      int qType,
      MemorySegment scale,
      long n,
      long k,
      MemorySegment y) {
    Arguments.type("rondo_quantized_linear", type);
    Arguments.extents("rondo_quantized_linear", rows, n, k);
    Arguments.quantizedType("rondo_quantized_linear", qType);
    int depth = Math.toIntExact(k);
    for (long r = 0; r < rows; r++) {
      double[] in = rows().read(0, x, type, r * k, depth);
      for (long i = 0; i < n; i++) {
        double[] weight = rows().read(1, q, qType, i * k, depth);
        double sum = Rows.dot(in, 0, weight, 0, depth);
        Rows.set(y, type, r * n + i, Rows.f32(scale, i) * sum);
      }
    }
  }
}
