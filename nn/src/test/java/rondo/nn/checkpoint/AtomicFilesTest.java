package rondo.nn.checkpoint;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class AtomicFilesTest {
  @TempDir Path folder;

  private Path temporary(String name) {
    return folder.resolve("." + name + ".tmp-" + ProcessHandle.current().pid());
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
  void aMissingFolderIsNamed() {
    Path path = folder.resolve("none").resolve("a");
    Samples.assertFault(
        () -> AtomicFiles.write(path, new byte[1]), path.toString(), "no such file or folder");
  }
}
