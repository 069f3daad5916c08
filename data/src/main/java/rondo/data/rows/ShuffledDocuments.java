package rondo.data.rows;

import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import rondo.data.Document;
import rondo.data.DocumentReader;

/**
 * Documents in another order within blocks of a fixed number of them, so that memory is bounded by
 * a block: the order is decided by a seed and the number of the block.
 */
final class ShuffledDocuments implements DocumentReader {
  private final DocumentReader documents;
  private final int size;
  private final long seed;
  private final List<Document> block = new ArrayList<>();
  private int[] order = new int[0];
  private int taken;
  private long blocks;

  ShuffledDocuments(DocumentReader documents, int size, long seed) {
    this.documents = documents;
    this.size = size;
    this.seed = seed;
  }

  @Override
  public @Nullable Document next() {
    if (taken == block.size()) {
      fill();
    }
    return taken < block.size() ? block.get(order[taken++]) : null;
  }

  private void fill() {
    block.clear();
    taken = 0;
    Document document;
    while (block.size() < size && (document = documents.next()) != null) {
      block.add(document);
    }
    order = Draw.permutation(block.size(), seed, blocks++);
  }

  @Override
  public long bytesRead() {
    return documents.bytesRead();
  }

  @Override
  public void close() {
    documents.close();
  }
}
