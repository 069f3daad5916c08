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
    check(function, type, rows, width, vocab, chunkRows, z);
    long counted = counted(function, targets, rows, vocab);
    boolean wantsHead = Arguments.given(dhead);
    if (wantsHead && accumulateDhead == 0) {
      zero(dhead, vocab * width * Float.BYTES);
    }
    double total = 0;
    for (long at = 0; at < rows; at += chunkRows) {
      long count = Math.min(chunkRows, rows - at);
      MemorySegment in = x.asSlice(at * width * Rows.bytes(type));
      logits(type, in, head, count, width, vocab, scratch);
      for (long r = 0; r < count; r++) {
        int target = targets.getAtIndex(JAVA_INT, at + r);
        total +=
            rowLoss(scratch, r, Math.toIntExact(vocab), target, gradScale / (double) counted, z);
      }
      logitsGrad(type, scratch, in, head, at, count, width, vocab, dx, dhead);
    }
    loss.setAtIndex(JAVA_FLOAT, 0, counted == 0 ? 0 : (float) (total / counted));
    loss.setAtIndex(JAVA_FLOAT, 1, (float) counted);
  }

  private static void check(
      String function, int type, long rows, long width, long vocab, long chunkRows, float z) {
    Arguments.type(function, type);
    Arguments.extents(function, rows, width, vocab);
    if (chunkRows < 1) {
      throw Arguments.refused(function, "chunk_rows " + chunkRows, "at least 1");
    }
    if (!(z >= 0)) {
      throw Arguments.refused(function, "z " + z, "at least 0");
    }
  }

  private static long counted(String function, MemorySegment targets, long rows, long vocab) {
    long counted = 0;
    for (long r = 0; r < rows; r++) {
      int target = targets.getAtIndex(JAVA_INT, r);
      if (target != IGNORED && (target < 0 || target >= vocab)) {
        String found = "target " + target + " in row " + r;
        throw Arguments.refused(function, found, "0.." + (vocab - 1) + " or " + IGNORED);
      }
      counted += target == IGNORED ? 0 : 1;
    }
    return counted;
  }

  private void logits(
      int type,
      MemorySegment x,
      MemorySegment head,
      long rows,
      long width,
      long vocab,
      MemorySegment to) {
    matmul(
        1,
        rows,
        vocab,
        width,
        1,
        x,
        type,
        0,
        width,
        0,
        head,
        type,
        1,
        width,
        0,
        0,
        MemorySegment.NULL,
        0,
        0,
        to,
        Rows.F32,
        vocab,
        0,
        0);
  }

  /** From the gradients of a chunk's logits to those of x, from row {@code at}, and of the head. */
  private void logitsGrad(
      int type,
      MemorySegment dlogits,
      MemorySegment x,
      MemorySegment head,
      long at,
      long rows,
      long width,
      long vocab,
      MemorySegment dx,
      MemorySegment dhead) {
    if (Arguments.given(dx)) {
      MemorySegment slope = dx.asSlice(at * width * Rows.bytes(type));
      matmul(
          1,
          rows,
          width,
          vocab,
          1,
          dlogits,
          Rows.F32,
          0,
          vocab,
          0,
          head,
          type,
          0,
          width,
          0,
          0,
          MemorySegment.NULL,
          0,
          0,
          slope,
          type,
          width,
          0,
          0);
    }
    if (Arguments.given(dhead)) {
      matmul(
          1, vocab, width, rows, 1, dlogits, Rows.F32, 1, vocab, 0, x, type, 0, width, 0, 1, dhead,
          width, 0, dhead, Rows.F32, width, 0, 0);
    }
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

  @Override
  default void linearDistillation(
      int type,
      MemorySegment x,
      MemorySegment head,
      MemorySegment teacher,
      MemorySegment teacherHead,
      MemorySegment targets,
      long rows,
      long width,
      long teacherWidth,
      long vocab,
      long chunkRows,
      float gradScale,
      float z,
      float temperature,
      float weight,
      MemorySegment scratch,
      MemorySegment loss,
      MemorySegment dx,
      int accumulateDhead,
      MemorySegment dhead) {
    String function = "rondo_linear_distillation";
    check(function, type, rows, width, vocab, chunkRows, z);
    Arguments.extents(function, teacherWidth);
    if (!(temperature >= 1e-3f && temperature <= 1e3f)) {
      throw Arguments.refused(function, "temperature " + temperature, "0.001 to 1000");
    }
    if (!(weight >= 0 && weight <= 1)) {
      throw Arguments.refused(function, "weight " + weight, "0 to 1");
    }
    long counted = counted(function, targets, rows, vocab);
    if (Arguments.given(dhead) && accumulateDhead == 0) {
      zero(dhead, vocab * width * Float.BYTES);
    }
    MemorySegment others = scratch.asSlice(chunkRows * vocab * Float.BYTES);
    double[] totals = new double[2];
    for (long at = 0; at < rows; at += chunkRows) {
      long count = Math.min(chunkRows, rows - at);
      MemorySegment in = x.asSlice(at * width * Rows.bytes(type));
      MemorySegment beside = teacher.asSlice(at * teacherWidth * Rows.bytes(type));
      logits(type, in, head, count, width, vocab, scratch);
      logits(type, beside, teacherHead, count, teacherWidth, vocab, others);
      int n = Math.toIntExact(vocab);
      for (long r = 0; r < count; r++) {
        double[] own = rows().read(0, scratch, r * vocab, n);
        double[] wanted = rows().read(1, others, r * vocab, n);
        int target = targets.getAtIndex(JAVA_INT, at + r);
        if (target == IGNORED) {
          Arrays.fill(own, 0, n, 0);
        } else {
          distil(own, wanted, n, target, gradScale / counted, z, temperature, weight, totals);
        }
        rows().write(own, n, scratch, r * vocab);
      }
      logitsGrad(type, scratch, in, head, at, count, width, vocab, dx, dhead);
    }
    loss.setAtIndex(JAVA_FLOAT, 0, counted == 0 ? 0 : (float) (totals[0] / counted));
    loss.setAtIndex(JAVA_FLOAT, 1, (float) counted);
    loss.setAtIndex(JAVA_FLOAT, 2, counted == 0 ? 0 : (float) (totals[1] / counted));
  }

  /** Adds a row's cross-entropy and divergence; its logits become their gradient. */
  private static void distil(
      double[] own,
      double[] wanted,
      int n,
      int target,
      double factor,
      double z,
      double temperature,
      double weight,
      double[] totals) {
    double hard = logSumExp(own, n, 1);
    double soft = logSumExp(own, n, temperature);
    double teacher = logSumExp(wanted, n, temperature);
    totals[0] += hard - own[target];
    double share = 1 - weight + 2 * z * hard;
    for (int i = 0; i < n; i++) {
      double logP = wanted[i] / temperature - teacher;
      double logQ = own[i] / temperature - soft;
      double p = Math.exp(logP);
      totals[1] += p * (logP - logQ);
      own[i] =
          factor * (share * Math.exp(own[i] - hard) + weight * temperature * (Math.exp(logQ) - p));
    }
    own[target] -= factor * (1 - weight);
  }

  private static double logSumExp(double[] x, int n, double temperature) {
    double max = Double.NEGATIVE_INFINITY;
    for (int i = 0; i < n; i++) {
      max = Math.max(max, x[i] / temperature);
    }
    double sum = 0;
    for (int i = 0; i < n; i++) {
      sum += Math.exp(x[i] / temperature - max);
    }
    return max + Math.log(sum);
  }
}
