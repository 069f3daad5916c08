package rondo.data.rows;

import java.util.Arrays;
import rondo.data.Document;

/**
 * The layout of a batch: {@code sequences} rows of {@code sequenceLength} inputs and as many
 * targets, one row after the other.
 */
public record BatchShape(int sequences, int sequenceLength) {
  /** The target of what is not predicted. */
  public static final int IGNORED = Document.Tokens.IGNORED;

  /** The input after the end of a short row; nothing looks back at it. */
  static final int PADDING = 0;

  public BatchShape {
    if (sequences < 1 || sequenceLength < 1) {
      throw new IllegalArgumentException(
          "a batch of %d x %d, expected at least 1 x 1".formatted(sequences, sequenceLength));
    }
  }

  /** The length of the arrays of inputs and of targets. */
  public int size() {
    return Math.multiplyExact(sequences, sequenceLength);
  }

  /**
   * Writes one row ({@link RowReader#next}): inputs are its ids but the last, targets its ids but
   * the first.
   *
   * @return how many targets count
   */
  int put(int sequence, int[] row, int[] tokens, int[] targets) {
    int predicted = row.length - 1;
    int from = sequence * sequenceLength;
    int end = from + sequenceLength;
    if (predicted > sequenceLength) {
      throw new IllegalArgumentException(
          "a row of %d ids for a sequence length of %d".formatted(row.length, sequenceLength));
    }
    int counted = 0;
    for (int i = 0; i < predicted; i++) {
      tokens[from + i] = row[i] < 0 ? ~row[i] : row[i];
      boolean counts = row[i + 1] >= 0;
      targets[from + i] = counts ? row[i + 1] : IGNORED;
      counted += counts ? 1 : 0;
    }
    Arrays.fill(tokens, from + predicted, end, PADDING);
    Arrays.fill(targets, from + predicted, end, IGNORED);
    return counted;
  }

  /** Fills the sequences from {@code first} on with padding. */
  void pad(int first, int[] tokens, int[] targets) {
    Arrays.fill(tokens, first * sequenceLength, size(), PADDING);
    Arrays.fill(targets, first * sequenceLength, size(), IGNORED);
  }

  void check(int[] tokens, int[] targets) {
    if (tokens.length < size() || targets.length < size()) {
      throw new IllegalArgumentException(
          "arrays of %d and %d for a batch of %d x %d"
              .formatted(tokens.length, targets.length, sequences, sequenceLength));
    }
  }
}
