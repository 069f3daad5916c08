package rondo.engine.plain;

import static java.lang.foreign.ValueLayout.JAVA_INT;

import java.lang.foreign.MemorySegment;

/** Tokens in. */
interface PlainEmbedding extends Plain {

  @Override
  default void embedding(
      int type,
      MemorySegment table,
      int tableType,
      MemorySegment tokens,
      long rows,
      long width,
      long vocab,
      float scale,
      MemorySegment y) {
    Arguments.type("rondo_embedding", type);
    Arguments.floatType("rondo_embedding", "table_type", tableType);
    check("rondo_embedding", tokens, rows, width, vocab);
    int columns = Math.toIntExact(width);
    for (long r = 0; r < rows; r++) {
      long token = tokens.getAtIndex(JAVA_INT, r);
      double[] row = rows().read(0, table, tableType, token * width, columns);
      for (int i = 0; i < columns; i++) {
        row[i] *= scale;
      }
      rows().write(row, columns, y, type, r * width);
    }
  }

  @Override
  default void embeddingGrad(
      int type,
      MemorySegment tokens,
      MemorySegment dy,
      long rows,
      long width,
      long vocab,
      float scale,
      int accumulate,
      MemorySegment dtable) {
    Arguments.type("rondo_embedding_grad", type);
    check("rondo_embedding_grad", tokens, rows, width, vocab);
    if (accumulate == 0) {
      zero(dtable, vocab * width * Float.BYTES);
    }
    int columns = Math.toIntExact(width);
    for (long r = 0; r < rows; r++) {
      long token = tokens.getAtIndex(JAVA_INT, r);
      double[] sum = rows().read(0, dtable, token * width, columns);
      double[] row = rows().read(1, dy, type, r * width, columns);
      Rows.addScaled(scale, row, 0, sum, 0, columns);
      rows().write(sum, columns, dtable, token * width);
    }
  }

  private static void check(
      String function, MemorySegment tokens, long rows, long width, long vocab) {
    Arguments.extents(function, rows, width, vocab);
    for (long r = 0; r < rows; r++) {
      int token = tokens.getAtIndex(JAVA_INT, r);
      if (token < 0 || token >= vocab) {
        throw Arguments.refused(function, "token " + token + " in row " + r, "0.." + (vocab - 1));
      }
    }
  }
}
