package rondo.engine.plain;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;

/** The product: tiles of the result, each a sum over tiles of the inner extent. */
interface PlainMatmul extends Plain {
  int TILE_ROWS = 64;
  int TILE_COLUMNS = 256;
  int TILE_DEPTH = 128;

  /** The promise of a symmetric result goes unused: every element is computed. */
  @Override
  default void matmul(
      long batch,
      long m,
      long n,
      long k,
      float alpha,
      MemorySegment a,
      int aType,
      int transposeA,
      long aLd,
      long aStep,
      MemorySegment b,
      int bType,
      int transposeB,
      long bLd,
      long bStep,
      float beta,
      MemorySegment c,
      long cLd,
      long cStep,
      MemorySegment out,
      int outType,
      long outLd,
      long outStep,
      int symmetric) {
    Arguments.extents("rondo_matmul", batch, m, n, k);
    Arguments.floatType("rondo_matmul", "a_type", aType);
    Arguments.floatType("rondo_matmul", "b_type", bType);
    Arguments.floatType("rondo_matmul", "out_type", outType);
    leading("a_ld", aLd, transposeA != 0 ? m : k);
    leading("b_ld", bLd, transposeB != 0 ? k : n);
    leading("out_ld", outLd, n);
    if (beta != 0 && !Arguments.given(c)) {
      throw Arguments.refused("rondo_matmul", "beta " + beta + " without c", "beta 0 or a c");
    }
    if (beta != 0) {
      leading("c_ld", cLd, n);
    }
    if (symmetric != 0 && m != n) {
      throw Arguments.refused("rondo_matmul", "symmetric with " + m + " x " + n, "m = n");
    }
    double[] aTile = rows().array(0, TILE_ROWS * TILE_DEPTH);
    double[] bTile = rows().array(1, TILE_DEPTH * TILE_COLUMNS);
    double[] sums = rows().array(2, TILE_ROWS * TILE_COLUMNS);
    double[] before = rows().array(3, TILE_COLUMNS);
    double[] line = rows().array(4, TILE_COLUMNS);
    for (long e = 0; e < batch; e++) {
      for (long i = 0; i < m; i += TILE_ROWS) {
        int height = (int) Math.min(TILE_ROWS, m - i);
        for (long j = 0; j < n; j += TILE_COLUMNS) {
          int width = (int) Math.min(TILE_COLUMNS, n - j);
          Arrays.fill(sums, 0, height * TILE_COLUMNS, 0);
          for (long p = 0; p < k; p += TILE_DEPTH) {
            int depth = (int) Math.min(TILE_DEPTH, k - p);
            tile(a, aType, transposeA, aLd, e * aStep, i, height, p, depth, line, aTile);
            tile(b, bType, transposeB, bLd, e * bStep, p, depth, j, width, line, bTile);
            for (int r = 0; r < height; r++) {
              multiply(aTile, r * depth, depth, bTile, width, sums, r * TILE_COLUMNS);
            }
          }
          for (int r = 0; r < height; r++) {
            int sum = r * TILE_COLUMNS;
            for (int q = 0; q < width; q++) {
              sums[sum + q] *= alpha;
            }
            if (beta != 0) {
              rows().read(c, outType, e * cStep + (i + r) * cLd + j, before, 0, width);
              Rows.addScaled(beta, before, 0, sums, sum, width);
            }
            rows().write(sums, sum, width, out, outType, e * outStep + (i + r) * outLd + j);
          }
        }
      }
    }
  }

  private static void leading(String name, long ld, long least) {
    if (ld < least) {
      throw Arguments.refused("rondo_matmul", name + " " + ld, "at least " + least);
    }
  }

  /** Rows {@code i..}, columns {@code j..} of the operand as it enters the product, dense. */
  private void tile(
      MemorySegment x,
      int type,
      int transposed,
      long ld,
      long base,
      long i,
      int height,
      long j,
      int width,
      double[] line,
      double[] tile) {
    if (transposed == 0) {
      for (int r = 0; r < height; r++) {
        rows().read(x, type, base + (i + r) * ld + j, tile, r * width, width);
      }
      return;
    }
    for (int q = 0; q < width; q++) {
      rows().read(x, type, base + (j + q) * ld + i, line, 0, height);
      for (int r = 0; r < height; r++) {
        tile[r * width + q] = line[r];
      }
    }
  }

  /** {@code sums += one row of a * b}. */
  private static void multiply(
      double[] a, int aAt, int depth, double[] b, int width, double[] sums, int at) {
    int p = 0;
    // Four rows of b at a time: a quarter of the traffic to the sums.
    for (; p + 3 < depth; p += 4) {
      double a0 = a[aAt + p];
      double a1 = a[aAt + p + 1];
      double a2 = a[aAt + p + 2];
      double a3 = a[aAt + p + 3];
      int b0 = p * width;
      int b1 = b0 + width;
      int b2 = b1 + width;
      int b3 = b2 + width;
      for (int q = 0; q < width; q++) {
        sums[at + q] += a0 * b[b0 + q] + a1 * b[b1 + q] + a2 * b[b2 + q] + a3 * b[b3 + q];
      }
    }
    for (; p < depth; p++) {
      Rows.addScaled(a[aAt + p], b, p * width, sums, at, width);
    }
  }
}
