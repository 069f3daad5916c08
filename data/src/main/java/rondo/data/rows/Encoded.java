package rondo.data.rows;

/** The ids of a document, as in {@link RowReader#next}. */
final class Encoded {
  private final int[] ids;
  private final boolean isRow;
  private final boolean isCut;

  private Encoded(int[] ids, boolean isRow, boolean isCut) {
    this.ids = ids;
    this.isRow = isRow;
    this.isCut = isCut;
  }

  /** A piece of the stream of all documents. */
  static Encoded piece(int[] ids) {
    return new Encoded(ids, false, false);
  }

  /**
   * A row of its own, as of a conversation.
   *
   * @param ids fewer than two where there is none
   * @param isCut whether they are the beginning of a longer document
   */
  static Encoded row(int[] ids, boolean isCut) {
    return new Encoded(ids, true, isCut);
  }

  /** The ids themselves, not a copy: read only. */
  int[] ids() {
    return ids;
  }

  boolean isRow() {
    return isRow;
  }

  /** A document that is to be a row, and is too short for one. */
  boolean isLeftOut() {
    return isRow && ids.length < 2;
  }

  boolean isCut() {
    return isCut;
  }
}
