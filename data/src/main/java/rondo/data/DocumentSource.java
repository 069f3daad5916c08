package rondo.data;

import java.nio.file.Path;
import java.util.Iterator;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** Documents in a fixed order, which can be read any number of times. */
@FunctionalInterface
public interface DocumentSource {
  DocumentReader open();

  /** What messages call this source: the path of files. */
  default String name() {
    return "the documents";
  }

  /** Bytes of the files, as they are on the disk; 0 where that is not known. */
  default long bytes() {
    return 0;
  }

  /**
   * The documents of a file ({@code .txt}, {@code .jsonl}, {@code .parquet}, {@code .arrow}, the
   * first two also {@code .gz} and {@code .zst}) or of the files of such names in a folder, in the
   * order of their names.
   *
   * <p>A text file is one document, unless lines {@code <|endoftext|>} divide it: then what lies
   * between them is a document, without white space at its ends, and empty ones are left out. Every
   * line of a JSON file and every row of a Parquet or Arrow file is a document. Files are read as
   * they are needed, a document at a time.
   *
   * @param textColumn the column that holds text, or the messages of conversations; by default
   *     {@code input_ids} where there is such a column, else {@code text}, else {@code messages}
   * @throws DataException if there is no such file, or no file in the folder that can be read
   */
  static DocumentSource of(Path path, Optional<String> textColumn) {
    return new FileSource(path, textColumn);
  }

  /** The same with the default column. */
  static DocumentSource of(Path path) {
    return of(path, Optional.empty());
  }

  /** Documents that are in memory. */
  static DocumentSource of(List<Document> documents) {
    List<Document> copy = List.copyOf(documents);
    return () -> reader(copy.iterator());
  }

  private static DocumentReader reader(Iterator<Document> documents) {
    return new DocumentReader() {
      @Override
      public @Nullable Document next() {
        return documents.hasNext() ? documents.next() : null;
      }

      @Override
      public void close() {}
    };
  }
}
