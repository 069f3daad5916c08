package rondo.data.rows;

import org.jspecify.annotations.Nullable;

/** The batches of one pass over rows; the last one is filled up with padding. For one thread. */
public final class EvaluationBatches implements AutoCloseable {
  private final RowReader reader;
  private final BatchShape shape;
  private final long limit;
  private long rows;

  /**
   * @param limit the most rows to read
   */
  public EvaluationBatches(RowReader reader, BatchShape shape, long limit) {
    this.reader = reader;
    this.shape = shape;
    this.limit = limit;
  }

  public BatchShape shape() {
    return shape;
  }

  /**
   * Fills the next batch, as {@link Batches#next} does.
   *
   * @return how many of its sequences are rows, 0 after the last one (then nothing is written)
   */
  public int next(int[] tokens, int[] targets) {
    shape.check(tokens, targets);
    int sequence = 0;
    while (sequence < shape.sequences() && rows < limit) {
      int @Nullable [] row = reader.next();
      if (row == null) {
        break;
      }
      shape.put(sequence++, row, tokens, targets);
      rows++;
    }
    if (sequence > 0) {
      shape.pad(sequence, tokens, targets);
    }
    return sequence;
  }

  /** Rows given out so far. */
  public long rows() {
    return rows;
  }

  @Override
  public void close() {
    reader.close();
  }
}
