package rondo.data;

import java.io.BufferedInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.function.LongSupplier;
import java.util.stream.Stream;
import java.util.zip.GZIPInputStream;
import org.jspecify.annotations.Nullable;

/** The documents of one file, or of the files in a folder. */
record FileSource(Path path, Optional<String> textColumn) implements DocumentSource {
  private static final String KINDS = ".txt, .jsonl (both also .gz and .zst), .parquet or .arrow";

  FileSource {
    if (!Files.exists(path)) {
      throw new DataException(path + ": no such file or folder, expected " + KINDS);
    }
    if (files(path).isEmpty()) {
      throw new DataException(path + ": no data that can be read, expected " + KINDS);
    }
  }

  @Override
  public DocumentReader open() {
    return new ChainReader(new ArrayDeque<>(files(path)), textColumn);
  }

  @Override
  public String name() {
    return path.toString();
  }

  @Override
  public long bytes() {
    return files(path).stream().mapToLong(FileSource::size).sum();
  }

  private static long size(Path file) {
    try {
      return Files.size(file);
    } catch (IOException e) {
      throw unreadable(file, e);
    }
  }

  static List<Path> files(Path path) {
    if (!Files.isDirectory(path)) {
      return kind(path).isEmpty() ? List.of() : List.of(path);
    }
    try (Stream<Path> members = Files.list(path)) {
      return members
          .filter(f -> Files.isRegularFile(f) && !kind(f).isEmpty())
          .filter(f -> !f.getFileName().toString().startsWith("."))
          .sorted()
          .toList();
    } catch (IOException e) {
      throw new DataException(path + ": cannot list the folder: " + e.getMessage(), e);
    }
  }

  /**
   * The extension that says how a file is read, without {@code .gz} or {@code .zst}; "" if none.
   */
  static String kind(Path file) {
    String name = file.getFileName().toString().toLowerCase(Locale.ROOT);
    String plain = name.replaceFirst("\\.(gz|zst)$", "");
    for (String kind : List.of(".txt", ".jsonl")) {
      if (plain.endsWith(kind)) {
        return kind;
      }
    }
    return name.endsWith(".parquet") ? ".parquet" : name.endsWith(".arrow") ? ".arrow" : "";
  }

  /** A file being read, and how many of its bytes have been. */
  private record Opened(DocumentReader documents, LongSupplier bytesRead) {}

  private static Opened open(Path file, Optional<String> textColumn) {
    if (kind(file).equals(".parquet")) {
      DocumentReader parquet = new ParquetReader(file, textColumn);
      return new Opened(parquet, parquet::bytesRead);
    }
    if (kind(file).equals(".arrow")) {
      DocumentReader arrow = arrow(file, textColumn);
      return new Opened(arrow, arrow::bytesRead);
    }
    CountedStream raw;
    try {
      raw = new CountedStream(Files.newInputStream(file));
    } catch (IOException e) {
      throw unreadable(file, e);
    }
    InputStream bytes = bytes(file, raw);
    DocumentReader text =
        kind(file).equals(".txt")
            ? new TextReader(file, bytes)
            : new JsonLinesReader(file, bytes, textColumn);
    return new Opened(text, raw::count);
  }

  private static DocumentReader arrow(Path file, Optional<String> textColumn) {
    try {
      return new ArrowReader(file, textColumn);
    } catch (NoClassDefFoundError e) {
      throw new DataException(
          file
              + ": Arrow is read through arrow-format, which is not there:"
              + " add org.apache.arrow:arrow-format:19.0.0 to the class path, or convert to .parquet",
          e);
    }
  }

  // The reader that gets the stream closes it.
  private static InputStream bytes(Path file, CountedStream counted) {
    InputStream raw = new BufferedInputStream(counted, 1 << 16);
    try {
      String name = file.toString().toLowerCase(Locale.ROOT);
      if (name.endsWith(".zst")) {
        return ZstdStream.of(raw);
      }
      return name.endsWith(".gz") ? new GZIPInputStream(raw, 1 << 16) : raw;
    } catch (NoClassDefFoundError e) {
      close(raw);
      throw new DataException(
          file
              + ": Zstandard is read through zstd-jni, which is not there:"
              + " add com.github.luben:zstd-jni:1.5.7-9 to the class path, or convert to .gz",
          e);
    } catch (IOException e) {
      close(raw);
      throw unreadable(file, e);
    }
  }

  private static void close(InputStream stream) {
    try {
      stream.close();
    } catch (IOException e) {
      // The failure to open is what gets reported.
    }
  }

  static DataException unreadable(Path file, IOException cause) {
    return new DataException(file + ": cannot be read: " + cause.getMessage(), cause);
  }

  /** Files one after the other, each opened when the one before is done. */
  private static final class ChainReader implements DocumentReader {
    private final Deque<Path> waiting;
    private final Optional<String> textColumn;
    private @Nullable Opened current;
    private long bytesBefore; // of the files that are done

    ChainReader(Deque<Path> waiting, Optional<String> textColumn) {
      this.waiting = waiting;
      this.textColumn = textColumn;
    }

    @Override
    public @Nullable Document next() {
      while (true) {
        if (current != null) {
          Document document = current.documents().next();
          if (document != null) {
            return document;
          }
          bytesBefore += current.bytesRead().getAsLong();
          close();
        }
        Path file = waiting.poll();
        if (file == null) {
          return null;
        }
        current = FileSource.open(file, textColumn);
      }
    }

    @Override
    public long bytesRead() {
      return bytesBefore + (current == null ? 0 : current.bytesRead().getAsLong());
    }

    @Override
    public void close() {
      if (current != null) {
        current.documents().close();
        current = null;
      }
    }
  }
}
