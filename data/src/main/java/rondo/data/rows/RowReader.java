package rondo.data.rows;

import org.jspecify.annotations.Nullable;

/**
 * One pass over rows of token ids. A full row has sequence_length + 1 ids, of which the first
 * sequence_length are inputs and the last sequence_length are their targets.
 */
public interface RowReader extends AutoCloseable {

  /**
   * The next row, 2 to sequence_length + 1 ids, or null after the last one. An id that is given but
   * not to be predicted, such as one of a user's message, is its complement, {@code ~id}, below 0.
   *
   * @throws rondo.data.DataException if the data is broken there
   */
  int @Nullable [] next();

  /** Rows so far that were cut to sequence_length + 1 ids. */
  default long cut() {
    return 0;
  }

  /** Conversations so far that are no row, as they leave no assistant's token to predict. */
  default long leftOut() {
    return 0;
  }

  @Override
  void close();
}
