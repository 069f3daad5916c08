package rondo.data;

import org.jspecify.annotations.Nullable;

/** One pass over the documents of a source, from the first to the last; for one thread. */
public interface DocumentReader extends AutoCloseable {

  /**
   * The next document, or null after the last one.
   *
   * @throws DataException if the data is broken there
   */
  @Nullable Document next();

  /** Bytes of the source that have been read; 0 where that is not known. */
  default long bytesRead() {
    return 0;
  }

  @Override
  void close();
}
