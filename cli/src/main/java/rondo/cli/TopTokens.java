package rondo.cli;

import java.util.Comparator;
import java.util.stream.IntStream;

/** The largest logits of a position. */
final class TopTokens {
  private TopTokens() {}

  /** The ids of the {@code count} largest of {@code logits[from … from + vocabulary - 1]}. */
  static int[] of(float[] logits, int from, int vocabulary, int count) {
    return IntStream.range(0, vocabulary)
        .boxed()
        .sorted(Comparator.comparingDouble((Integer id) -> -logits[from + id]))
        .limit(count)
        .mapToInt(Integer::intValue)
        .toArray();
  }
}
