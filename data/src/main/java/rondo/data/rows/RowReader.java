package rondo.data.rows;

import org.jspecify.annotations.Nullable;

/**
 * One pass over rows of token ids. A full row has sequence_length + 1 ids, of which the first
 * sequence_length are inputs and the last sequence_length are their targets.
 */
public interface RowReader extends AutoCloseable {

  /**
   * The next row, 2 to sequence_length + 1 ids, or null after the last one.
   *
   * @throws rondo.data.DataException if the data is broken there
   */
  int @Nullable [] next();

  @Override
  void close();
}
