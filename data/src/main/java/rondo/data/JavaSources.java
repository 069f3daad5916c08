package rondo.data;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashSet;
import java.util.Iterator;
import java.util.List;
import java.util.Set;
import java.util.zip.ZipEntry;
import java.util.zip.ZipFile;
import org.jspecify.annotations.Nullable;

/**
 * A corpus that every JDK carries: the Java files of its {@code lib/src.zip}, without licence
 * comments and without copies, as text. The choice of files depends only on the archive and the two
 * numbers, and whole files, never rows, are held out.
 */
public final class JavaSources {
  private static final long SAMPLE = 0x5eed_0001L;
  private static final long HOLD_OUT = 0x5eed_0002L;

  private record Candidate(String path, long bytes) {}

  private final Path archive;
  private final List<String> train = new ArrayList<>();
  private final List<String> validation = new ArrayList<>();
  private long bytes;

  /**
   * Reads the archive once to choose the files.
   *
   * @param archive a {@code src.zip}
   * @param limit the most bytes of UTF-8, both parts together. Files are taken in the order of a
   *     hash of their paths, each that still fits, so that a small sample is spread over packages
   * @param holdOut one file of this many, by another hash of its path, is for validation
   * @throws DataException if the archive cannot be read or has no Java file that fits
   */
  public JavaSources(Path archive, long limit, int holdOut) {
    if (holdOut < 2) {
      throw new IllegalArgumentException("holdOut is " + holdOut + ", expected at least 2");
    }
    this.archive = archive;
    List<Candidate> candidates = candidates();
    candidates.sort(
        Comparator.comparingLong((Candidate c) -> hash(c.path(), SAMPLE))
            .thenComparing(Candidate::path));
    List<String> chosen = new ArrayList<>();
    for (Candidate candidate : candidates) {
      if (candidate.bytes() <= limit - bytes) {
        bytes += candidate.bytes();
        chosen.add(candidate.path());
      }
    }
    if (chosen.isEmpty()) {
      throw new DataException(archive + ": no .java file of at most " + limit + " bytes");
    }
    chosen.sort(Comparator.naturalOrder());
    for (String path : chosen) {
      boolean held = Long.remainderUnsigned(hash(path, HOLD_OUT), holdOut) == 0;
      (held ? validation : train).add(path);
    }
  }

  /**
   * The archive of a JDK.
   *
   * @throws DataException if this Java has none
   */
  public static Path archiveOf(Path javaHome) {
    Path archive = javaHome.resolve("lib").resolve("src.zip");
    if (!Files.isRegularFile(archive)) {
      throw new DataException(
          archive + ": no such file; use a JDK that has its sources (a run-time image has none)");
    }
    return archive;
  }

  /** The size of the chosen files in bytes of UTF-8, both parts together. */
  public long bytes() {
    return bytes;
  }

  /** The paths of the files to train on, sorted. */
  public List<String> trainFiles() {
    return List.copyOf(train);
  }

  /** The paths of the files held out, sorted. */
  public List<String> validationFiles() {
    return List.copyOf(validation);
  }

  /** The files to train on, a document each, in the order of their paths. */
  public DocumentSource train() {
    return () -> new Reader(archive, train.iterator());
  }

  /** The files held out, a document each, in the order of their paths. */
  public DocumentSource validation() {
    return () -> new Reader(archive, validation.iterator());
  }

  private List<Candidate> candidates() {
    List<Candidate> result = new ArrayList<>();
    Set<String> seen = new HashSet<>();
    try (ZipFile zip = new ZipFile(archive.toFile())) {
      List<String> paths =
          zip.stream()
              .filter(e -> !e.isDirectory() && e.getName().endsWith(".java"))
              .map(ZipEntry::getName)
              .sorted()
              .toList();
      MessageDigest digest = MessageDigest.getInstance("SHA-256");
      for (String path : paths) {
        byte[] text = text(zip, path).getBytes(StandardCharsets.UTF_8);
        String print = new String(digest.digest(text), StandardCharsets.ISO_8859_1);
        if (text.length > 0 && seen.add(print)) {
          result.add(new Candidate(path, text.length));
        }
      }
      return result;
    } catch (IOException e) {
      throw FileSource.unreadable(archive, e);
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every Java has SHA-256", e);
    }
  }

  private static String text(ZipFile zip, String path) throws IOException {
    ZipEntry entry = zip.getEntry(path);
    try (var stream = zip.getInputStream(entry)) {
      String text = new String(stream.readAllBytes(), StandardCharsets.UTF_8);
      return withoutLicence(text.replace("\r\n", "\n"));
    }
  }

  /** Cuts block comments, but no Javadoc, from in front of everything else. */
  static String withoutLicence(String text) {
    String rest = text.stripLeading();
    while (rest.startsWith("/*") && !rest.startsWith("/**")) {
      int end = rest.indexOf("*/");
      if (end < 0) {
        return rest;
      }
      rest = rest.substring(end + 2).stripLeading();
    }
    return rest;
  }

  /** FNV-1a over the characters, mixed once more so that every bit counts. */
  private static long hash(String path, long key) {
    long hash = 0xcbf29ce484222325L ^ key;
    for (int i = 0; i < path.length(); i++) {
      hash = (hash ^ path.charAt(i)) * 0x100000001b3L;
    }
    hash = (hash ^ hash >>> 30) * 0xbf58476d1ce4e5b9L;
    hash = (hash ^ hash >>> 27) * 0x94d049bb133111ebL;
    return hash ^ hash >>> 31;
  }

  private static final class Reader implements DocumentReader {
    private final Path archive;
    private final ZipFile zip;
    private final Iterator<String> paths;
    private long number;

    Reader(Path archive, Iterator<String> paths) {
      this.archive = archive;
      this.paths = paths;
      try {
        zip = new ZipFile(archive.toFile());
      } catch (IOException e) {
        throw FileSource.unreadable(archive, e);
      }
    }

    @Override
    public @Nullable Document next() {
      if (!paths.hasNext()) {
        return null;
      }
      number++;
      try {
        String text = text(zip, paths.next());
        return new Document.Text(text, new Document.Location(archive, "file", number));
      } catch (IOException e) {
        throw FileSource.unreadable(archive, e);
      }
    }

    @Override
    public void close() {
      try {
        zip.close();
      } catch (IOException e) {
        throw FileSource.unreadable(archive, e);
      }
    }
  }
}
