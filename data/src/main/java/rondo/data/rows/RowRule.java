package rondo.data.rows;

/** How the ids of documents become rows of equal length. */
public enum RowRule {
  /** One stream of all documents, cut into disjoint rows wherever documents end. */
  WRAPPED,
  /**
   * Documents are joined until they fill a row, and what remains of the last one is discarded, so
   * that every row begins where a document does (Huginn's pre-training data).
   */
  DOCUMENT
}
