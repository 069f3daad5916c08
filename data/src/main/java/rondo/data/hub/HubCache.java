package rondo.data.hub;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.Optional;

/**
 * One repository in the cache of the hub's own client, so that both share what is there: contents
 * under {@code blobs} by their hash, {@code snapshots/COMMIT} with links to them, {@code
 * refs/REVISION} with the commit that a name stood for.
 */
final class HubCache {
  private static final long POLL_MILLIS = 50;

  private final Path root;
  private final Path locks;

  HubCache(Path cache, String repository) {
    var folder = "models--" + repository.replace("/", "--");
    root = cache.resolve(folder);
    locks = cache.resolve(".locks").resolve(folder);
  }

  /** The commit that a revision stood for when it was last asked for. */
  Optional<String> commit(HubName name) throws IOException {
    if (name.isPinned()) {
      return Optional.of(name.revision());
    }
    var file = root.resolve("refs").resolve(name.revision());
    if (!Files.isRegularFile(file)) {
      return Optional.empty();
    }
    var commit = Files.readString(file).strip();
    return HubName.isCommit(commit) ? Optional.of(commit) : Optional.empty();
  }

  void remember(HubName name, String commit) throws IOException {
    if (!name.isPinned()) {
      var file = root.resolve("refs").resolve(name.revision());
      Files.createDirectories(file.getParent());
      if (!Files.exists(file) || !Files.readString(file).equals(commit)) {
        var beside = Files.createTempFile(file.getParent(), ".ref", ".tmp");
        Files.writeString(beside, commit);
        Files.move(beside, file, StandardCopyOption.ATOMIC_MOVE);
      }
    }
  }

  Path snapshot(String commit) {
    return root.resolve("snapshots").resolve(commit);
  }

  Path blob(String hash) {
    return root.resolve("blobs").resolve(hash);
  }

  /** Where a blob is until it is whole. */
  Path incomplete(String hash) {
    return root.resolve("blobs").resolve(hash + ".incomplete");
  }

  /** Makes a whole blob a file of a snapshot: a link, or a copy where there are no links. */
  void link(String commit, String file, String hash) throws IOException {
    var target = snapshot(commit).resolve(file);
    Files.createDirectories(target.getParent());
    try {
      Files.createSymbolicLink(target, Path.of("..", "..", "blobs", hash));
    } catch (FileAlreadyExistsException e) {
      if (!Files.exists(target)) { // it leads nowhere
        Files.delete(target);
        Files.createSymbolicLink(target, Path.of("..", "..", "blobs", hash));
      }
    } catch (UnsupportedOperationException | java.nio.file.FileSystemException e) {
      Files.copy(blob(hash), target, StandardCopyOption.REPLACE_EXISTING);
    }
  }

  /** Held while one process, and one thread of it, gets a blob. */
  static final class Lock implements AutoCloseable {
    private final FileChannel channel;

    private Lock(FileChannel channel) {
      this.channel = channel;
    }

    @Override
    public void close() throws IOException {
      channel.close();
    }
  }

  /** Waits until nobody else gets the blob. */
  Lock lock(String hash) throws IOException {
    Files.createDirectories(locks);
    Files.createDirectories(root.resolve("blobs"));
    // Opened once: closing another channel of the file would end the lock of whoever has it.
    var channel =
        FileChannel.open(
            locks.resolve(hash + ".lock"), StandardOpenOption.CREATE, StandardOpenOption.WRITE);
    try {
      while (true) {
        try {
          if (channel.tryLock() != null) {
            return new Lock(channel);
          }
        } catch (OverlappingFileLockException _) {
          // Another thread of this process has it.
        }
        Thread.sleep(POLL_MILLIS);
      }
    } catch (InterruptedException e) {
      channel.close();
      Thread.currentThread().interrupt();
      throw new IOException("interrupted", e);
    } catch (IOException | RuntimeException e) {
      channel.close();
      throw e;
    }
  }
}
