package rondo.data.rows;

/** Endless micro-batches of a mixture, for training; for one thread. */
public final class Batches implements AutoCloseable {
  private final Mixture rows;
  private final BatchShape shape;

  public Batches(Mixture rows, BatchShape shape) {
    this.rows = rows;
    this.shape = shape;
  }

  public BatchShape shape() {
    return shape;
  }

  /**
   * Fills the next batch.
   *
   * @param tokens gets inputs, [sequences · sequenceLength]
   * @param targets gets what each input predicts, {@link BatchShape#IGNORED} where nothing
   * @return how many targets count
   */
  public int next(int[] tokens, int[] targets) {
    shape.check(tokens, targets);
    int predicted = 0;
    for (int sequence = 0; sequence < shape.sequences(); sequence++) {
      predicted += shape.put(sequence, rows.next(), tokens, targets);
    }
    return predicted;
  }

  /** The place after the last batch that {@link #next} filled. */
  public Cursor cursor() {
    return rows.cursor();
  }

  /**
   * Goes on from {@code cursor}: the batches that follow are the same as those after it was taken.
   */
  public void seek(Cursor cursor) {
    rows.seek(cursor);
  }

  @Override
  public void close() {
    rows.close();
  }
}
