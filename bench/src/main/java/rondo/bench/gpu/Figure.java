package rondo.bench.gpu;

import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * One measured call.
 *
 * @param part limits, kernels, decode-kernels, train or decode
 * @param preset the model whose shapes it has; empty for none
 * @param type of the activations, or what moves
 * @param rounds seconds of one call, each round
 * @param repetitions calls in a round
 * @param recorded whether they were one recorded graph
 * @param work bytes, flops or tokens of one call
 * @param floor seconds below which it cannot be: what it must read over the copy rate of the same
 *     run; null where no such bound was worked out
 */
record Figure(
    String part,
    String preset,
    String subject,
    String type,
    String contender,
    double seconds,
    List<Double> rounds,
    int repetitions,
    boolean recorded,
    double work,
    Work unit,
    @Nullable Double floor) {
  /** What a rate counts, as it is written. */
  enum Work {
    BYTES,
    FLOPS,
    TOKENS
  }

  /** What could not be measured, and why, in one line. */
  record Skipped(
      String part, String preset, String subject, String type, String contender, String reason) {}

  double rate() {
    return work / seconds;
  }
}
