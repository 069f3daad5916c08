package rondo.data.rows;

/**
 * The ids of a document.
 *
 * @param ids as in {@link RowReader#next}
 * @param isRow whether they are a row of their own, as of a conversation, rather than a piece of
 *     the stream of all documents; of fewer than two ids there is none
 * @param cut whether they are the beginning of a longer document
 */
record Encoded(int[] ids, boolean isRow, boolean cut) {

  /** A piece of the stream. */
  static Encoded piece(int[] ids) {
    return new Encoded(ids, false, false);
  }
}
