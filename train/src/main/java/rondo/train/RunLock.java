package rondo.train;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import rondo.nn.checkpoint.CheckpointException;

/**
 * Keeps a run's folder to one process: two that wrote there would mix their lines and remove each
 * other's checkpoints. The lock goes with its process, however that ends; its file stays.
 */
final class RunLock implements AutoCloseable {
  private static final String FILE = ".lock";

  private final FileChannel channel;

  private RunLock(FileChannel channel) {
    this.channel = channel;
  }

  /**
   * Takes the lock of a folder.
   *
   * @param notes told where the file system knows no locks; the run goes on without one
   * @throws IllegalArgumentException when another process has it, or the folder takes no file
   */
  static RunLock take(Path out, Consumer<String> notes) {
    FileChannel channel;
    try {
      channel =
          FileChannel.open(out.resolve(FILE), StandardOpenOption.CREATE, StandardOpenOption.WRITE);
    } catch (IOException e) {
      throw new IllegalArgumentException(
          "recipe: out: %s: cannot be written to: %s".formatted(out, CheckpointException.reason(e)),
          e);
    }
    try {
      if (lock(channel) == null) {
        close(channel);
        throw new IllegalArgumentException(
            "recipe: out: %s: another process is training there; wait for its end, or use another out"
                .formatted(out));
      }
    } catch (IOException e) {
      notes.accept(
          "%s: cannot be locked (%s); see that no other process trains there"
              .formatted(out, CheckpointException.reason(e)));
    }
    return new RunLock(channel);
  }

  private static @Nullable FileLock lock(FileChannel channel) throws IOException {
    try {
      return channel.tryLock();
    } catch (OverlappingFileLockException e) {
      return null; // another run of this very process
    }
  }

  private static void close(FileChannel channel) {
    try {
      channel.close();
    } catch (IOException e) {
      // Nothing was written: whether the file is closed now or at the end makes no difference.
    }
  }

  @Override
  public void close() {
    close(channel);
  }
}
