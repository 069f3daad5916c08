package rondo.data.rows;

import org.jspecify.annotations.Nullable;
import rondo.data.Document;
import rondo.data.DocumentReader;

/** One pass of a {@link Packing} over documents. */
final class Packer implements RowReader {
  private final Packing packing;
  private final DocumentReader documents;
  private final DocumentIds ids;
  private final RowCutter cutter;
  private long cut;
  private long leftOut;

  Packer(Packing packing, DocumentReader documents) {
    this.packing = packing;
    this.documents = documents;
    ids = packing.ids();
    cutter = new RowCutter(packing.rowLength(), RowRule.WRAPPED);
  }

  @Override
  public int @Nullable [] next() {
    while (true) {
      int @Nullable [] row = cutter.next();
      if (row != null) {
        return row;
      }
      switch (documents.next()) {
        case null -> {
          int[] rest = cutter.rest();
          return packing.keepLast() && rest.length > 1 ? rest : null;
        }
        case Document.Conversation conversation -> {
          int[] found = chat(conversation);
          if (found.length > 1) {
            return found;
          }
        }
        case Document.Text text -> cutter.add(ids.of(text));
        case Document.Tokens tokens -> {
          int[] found = packing.packed(tokens);
          if (found.length > 1) {
            return found;
          }
        }
      }
    }
  }

  /** A row, or nothing where no token of it is an assistant's. */
  private int[] chat(Document.Conversation conversation) {
    Encoded row = packing.chat(conversation).row(conversation, ids, packing.rowLength());
    cut += row.isCut() ? 1 : 0;
    leftOut += row.isLeftOut() ? 1 : 0;
    return row.ids();
  }

  @Override
  public long cut() {
    return cut;
  }

  @Override
  public long leftOut() {
    return leftOut;
  }

  @Override
  public void close() {
    documents.close();
  }
}
