package rondo.nn.checkpoint;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class AtomicFilesTest {
  @TempDir Path folder;

  private Path temporary(String name) {
    return folder.resolve(
        ".%s.tmp-%d-%d"
            .formatted(name, ProcessHandle.current().pid(), Thread.currentThread().threadId()));
  }

  @Test
  void aFileIsReplacedWhole() throws IOException {
    Path path = folder.resolve("a");
    AtomicFiles.write(path, new byte[] {1, 2, 3});
    AtomicFiles.write(path, new byte[] {4});
    assertArrayEquals(new byte[] {4}, Files.readAllBytes(path));
    assertFalse(Files.exists(temporary("a")));
  }

  @Test
  void theOldFileStandsUntilTheNewOneIsWhole() throws IOException {
    Path path = Samples.text(folder.resolve("a"), "old");
    AtomicFiles.write(
        path,
        3,
        channel -> {
          AtomicFiles.writeFully(channel, ByteBuffer.wrap(new byte[] {'n', 'e'}));
          assertEquals("old", Files.readString(path));
          assertEquals("ne", Files.readString(temporary("a")));
          AtomicFiles.writeFully(channel, ByteBuffer.wrap(new byte[] {'w'}));
        });
    assertEquals("new", Files.readString(path));
  }

  @Test
  void aFullDiskLeavesTheOldFileAndSaysHowMuchWasWanted() throws IOException {
    Path path = Samples.text(folder.resolve("a"), "old");
    Samples.assertFault(
        () ->
            AtomicFiles.write(
                path,
                12345,
                channel -> {
                  AtomicFiles.writeFully(channel, ByteBuffer.wrap(new byte[10]));
                  throw new IOException("No space left on device");
                }),
        path.toString(),
        "cannot write 12345 bytes",
        "free",
        "No space left on device");
    assertEquals("old", Files.readString(path));
    assertFalse(Files.exists(temporary("a")));
  }

  @Test
  void whatADeadProcessOfTheSameNumberLeftIsNoHindrance() throws IOException {
    Path path = folder.resolve("a");
    Samples.text(temporary("a"), "left over, and longer");
    AtomicFiles.write(path, new byte[] {7});
    assertEquals(1, Files.size(path));
  }

  @Test
  void whatKilledProcessesLeftLongAgoIsRemoved() throws IOException {
    Path path = folder.resolve("a");
    long nobody = Integer.MAX_VALUE;
    Assumptions.assumeTrue(ProcessHandle.of(nobody).isEmpty());
    var kept =
        List.of(
            leftover(".a.tmp-" + nobody + "-7", 0), // may be being written on another machine
            leftover(".a.tmp-" + ProcessHandle.current().pid() + "-999999", 2),
            leftover(".a.tmp-mine", 2),
            leftover(".ab.tmp-" + nobody + "-1", 2));
    var removed = List.of(leftover(".a.tmp-" + nobody + "-1", 2), leftover(".a.tmp-" + nobody, 2));
    AtomicFiles.write(path, new byte[] {7});
    kept.forEach(file -> assertTrue(Files.exists(file), file.toString()));
    removed.forEach(file -> assertFalse(Files.exists(file), file.toString()));
  }

  private Path leftover(String name, int hours) throws IOException {
    Path file = Samples.text(folder.resolve(name), "left over");
    Files.setLastModifiedTime(file, FileTime.from(Instant.now().minus(Duration.ofHours(hours))));
    return file;
  }

  @Test
  void aMissingFolderIsNamed() {
    Path path = folder.resolve("none").resolve("a");
    Samples.assertFault(
        () -> AtomicFiles.write(path, new byte[1]), path.toString(), "no such file or folder");
  }
}
