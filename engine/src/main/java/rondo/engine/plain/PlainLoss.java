package rondo.engine.plain;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import rondo.engine.random.Philox;

/** Noise and loss. */
interface PlainLoss extends Plain {
  int IGNORED = -100;

  @Override
  default void truncatedNormal(MemorySegment key, float std, float cut, long n, MemorySegment out) {
    Arguments.extents("rondo_truncated_normal", n);
    if (!(cut > 0)) {
      throw Arguments.refused("rondo_truncated_normal", "cut " + cut, "more than 0");
    }
    long low = key.getAtIndex(JAVA_LONG, 0);
    long high = key.getAtIndex(JAVA_LONG, 1);
    double below = Philox.normalProbability(-cut);
    double above = Philox.normalProbability(cut);
    for (long i = 0; i < n; i++) {
      double z = Philox.truncatedNormal(Philox.word(low, high, i), below, above);
      out.setAtIndex(JAVA_FLOAT, i, (float) (std * z));
    }
  }

  @Override
  default void linearCrossEntropy(
      int type,
      MemorySegment x,
      MemorySegment head,
      MemorySegment targets,
      long rows,
      long width,
      long vocab,
      long chunkRows,
      float gradScale,
      float z,
      MemorySegment scratch,
      MemorySegment loss,
      MemorySegment dx,
      int accumulateDhead,
      MemorySegment dhead) {
    String function = "rondo_linear_cross_entropy";
    Arguments.type(function, type);
    Arguments.extents(function, rows, width, vocab);
    if (chunkRows < 1) {
      throw Arguments.refused(function, "chunk_rows " + chunkRows, "at least 1");
    }
    if (!(z >= 0)) {
      throw Arguments.refused(function, "z " + z, "at least 0");
    }
    long counted = 0;
    for (long r = 0; r < rows; r++) {
      int target = targets.getAtIndex(JAVA_INT, r);
      if (target != IGNORED && (target < 0 || target >= vocab)) {
        String found = "target " + target + " in row " + r;
        throw Arguments.refused(function, found, "0.." + (vocab - 1) + " or " + IGNORED);
      }
      counted += target == IGNORED ? 0 : 1;
    }
    boolean wantsX = Arguments.given(dx);
    boolean wantsHead = Arguments.given(dhead);
    if (wantsHead && accumulateDhead == 0) {
      zero(dhead, vocab * width * Float.BYTES);
    }
    MemorySegment none = MemorySegment.NULL;
    double total = 0;
    for (long at = 0; at < rows; at += chunkRows) {
      long count = Math.min(chunkRows, rows - at);
      MemorySegment in = x.asSlice(at * width * Rows.bytes(type));
      matmul(
          1, count, vocab, width, 1, in, type, 0, width, 0, head, type, 1, width, 0, 0, none, 0, 0,
          scratch, Rows.F32, vocab, 0, 0);
      for (long r = 0; r < count; r++) {
        int target = targets.getAtIndex(JAVA_INT, at + r);
        total +=
            rowLoss(scratch, r, Math.toIntExact(vocab), target, gradScale / (double) counted, z);
      }
      if (wantsX) {
        MemorySegment slope = dx.asSlice(at * width * Rows.bytes(type));
        matmul(
            1, count, width, vocab, 1, scratch, Rows.F32, 0, vocab, 0, head, type, 0, width, 0, 0,
            none, 0, 0, slope, type, width, 0, 0);
      }
      if (wantsHead) {
        matmul(
            1, vocab, width, count, 1, scratch, Rows.F32, 1, vocab, 0, in, type, 0, width, 0, 1,
            dhead, width, 0, dhead, Rows.F32, width, 0, 0);
      }
    }
    loss.setAtIndex(JAVA_FLOAT, 0, counted == 0 ? 0 : (float) (total / counted));
    loss.setAtIndex(JAVA_FLOAT, 1, (float) counted);
  }

  /** The loss of one row; its logits in scratch become their gradient. */
  private double rowLoss(
      MemorySegment scratch, long row, int vocab, int target, double gradScale, double z) {
    double[] logits = rows().read(0, scratch, row * vocab, vocab);
    double loss = 0;
    if (target == IGNORED) {
      Arrays.fill(logits, 0, vocab, 0);
    } else {
      double max = Double.NEGATIVE_INFINITY;
      for (int i = 0; i < vocab; i++) {
        max = Math.max(max, logits[i]);
      }
      double chosen = logits[target];
      double sum = 0;
      for (int i = 0; i < vocab; i++) {
        logits[i] = Math.exp(logits[i] - max);
        sum += logits[i];
      }
      double logSumExp = max + Math.log(sum);
      loss = logSumExp - chosen;
      for (int i = 0; i < vocab; i++) {
        logits[i] *= gradScale * (1 + 2 * z * logSumExp) / sum;
      }
      logits[target] -= gradScale;
    }
    rows().write(logits, vocab, scratch, row * vocab);
    return loss;
  }
}
