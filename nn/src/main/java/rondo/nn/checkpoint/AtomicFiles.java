package rondo.nn.checkpoint;

import java.io.File;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.time.Instant;

/**
 * Files that are either the old one or the new one, whole, whatever stops the program: the bytes go
 * to a temporary file beside the target, reach the disk, and then take the target's name.
 */
public final class AtomicFiles {
  private AtomicFiles() {}

  /** Writes the whole content of a file to a channel that stands at its start. */
  @FunctionalInterface
  public interface Content {
    void writeTo(FileChannel channel) throws IOException;
  }

  /** Writes {@code bytes} to {@code file}. */
  public static void write(Path file, byte[] bytes) {
    write(file, bytes.length, channel -> writeFully(channel, ByteBuffer.wrap(bytes)));
  }

  /**
   * Writes {@code content} to {@code file}. After a failure no temporary file is left, and the old
   * one is untouched unless only its folder could not be synced: then the new one is in its place
   * but may be lost in a power failure.
   *
   * @param bytes how many bytes the content will be, for the message when they do not fit
   * @throws WriteException when the file cannot be written
   */
  public static void write(Path file, long bytes, Content content) {
    Path target = file.toAbsolutePath();
    Path folder = target.getParent();
    Path name = target.getFileName();
    if (folder == null || name == null) {
      throw new IllegalArgumentException(file + " is not the name of a file");
    }
    String prefix = "." + name + ".tmp-";
    // A thread writes one file at a time.
    Path beside =
        folder.resolve(
            prefix + ProcessHandle.current().pid() + "-" + Thread.currentThread().threadId());
    try {
      removeLeftovers(folder, prefix);
      writeBeside(beside, content);
      Files.move(
          beside, target, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
      syncFolder(folder);
    } catch (IOException e) {
      deleteQuietly(beside); // First, so that the free space below is what there was.
      throw new WriteException(
          file,
          "cannot write %d bytes%s: %s"
              .formatted(bytes, free(folder), CheckpointException.reason(e)),
          e);
    } catch (RuntimeException | Error e) {
      deleteQuietly(beside);
      throw e;
    }
  }

  /** Makes the entries of a folder durable: without it a rename may be lost in a power failure. */
  public static void syncFolder(Path folder) throws IOException {
    if (File.separatorChar == '\\') {
      return; // Windows neither needs this nor lets a folder be opened.
    }
    try (FileChannel channel = FileChannel.open(folder, StandardOpenOption.READ)) {
      channel.force(true);
    }
  }

  /** Writes all that remains of {@code bytes}: one call of the channel may write less. */
  public static void writeFully(FileChannel channel, ByteBuffer bytes) throws IOException {
    while (bytes.hasRemaining()) {
      channel.write(bytes);
    }
  }

  /** Removes what killed processes left of this file: no file that is being written is that old. */
  private static void removeLeftovers(Path folder, String prefix) throws IOException {
    var old = Instant.now().minus(Duration.ofHours(1));
    try (var files = Files.newDirectoryStream(folder, f -> name(f).startsWith(prefix))) {
      for (Path file : files) {
        if (isOfDeadProcess(name(file).substring(prefix.length()))
            && Files.getLastModifiedTime(file, LinkOption.NOFOLLOW_LINKS)
                .toInstant()
                .isBefore(old)) {
          deleteQuietly(file);
        }
      }
    } catch (DirectoryIteratorException e) {
      throw e.getCause();
    } catch (NoSuchFileException e) {
      if (!Files.isDirectory(folder)) {
        throw e;
      } // Else another process has removed the same leftover.
    }
  }

  private static String name(Path file) {
    return String.valueOf(file.getFileName());
  }

  private static boolean isOfDeadProcess(String writer) {
    var number = writer.replaceFirst("-\\d+$", "");
    return number.matches("\\d{1,10}") && ProcessHandle.of(Long.parseLong(number)).isEmpty();
  }

  private static void writeBeside(Path beside, Content content) throws IOException {
    // A process of the same number (1, in every container) may have died here before us.
    Files.deleteIfExists(beside);
    try (FileChannel channel =
        FileChannel.open(
            beside,
            StandardOpenOption.CREATE_NEW,
            StandardOpenOption.WRITE,
            LinkOption.NOFOLLOW_LINKS)) {
      content.writeTo(channel);
      channel.force(true);
    }
  }

  private static String free(Path folder) {
    try {
      return " (%d free)".formatted(Files.getFileStore(folder).getUsableSpace());
    } catch (IOException _) {
      return "";
    }
  }

  private static void deleteQuietly(Path file) {
    try {
      Files.deleteIfExists(file);
    } catch (IOException _) {
      // The failure that led here is the one worth reporting.
    }
  }
}
