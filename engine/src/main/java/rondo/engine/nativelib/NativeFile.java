package rondo.engine.nativelib;

import java.io.IOException;
import java.nio.file.AtomicMoveNotSupportedException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Arrays;
import java.util.HexFormat;

/**
 * A native library shipped as a resource, unpacked once into a cache folder whose name is its hash,
 * so that several processes and versions never disturb each other.
 */
public final class NativeFile {
  /** Folder of ready-made libraries that is looked into first. */
  public static final String FOLDER = "rondo.libraries";

  private NativeFile() {}

  /**
   * The file of a library.
   *
   * @throws IllegalStateException when this build holds none, with the remedy
   */
  public static Path find(String name) {
    var folder = System.getProperty(FOLDER);
    if (folder != null) {
      var file = Path.of(folder, name);
      if (Files.isRegularFile(file)) {
        return file;
      }
    }
    try (var resource = NativeFile.class.getResourceAsStream("/rondo/kernels/" + name)) {
      if (resource == null) {
        throw new IllegalStateException(
            name
                + ": not in this build (it had no compiler); install gcc and make and build again,"
                + " or set -D"
                + FOLDER);
      }
      return unpack(cache(), name, resource.readAllBytes());
    } catch (IOException e) {
      throw new IllegalStateException(name + ": cannot be unpacked: " + e, e);
    }
  }

  /** The file of these bytes in the cache, written there unless it holds just them. */
  static Path unpack(Path cache, String name, byte[] bytes) throws IOException {
    var folder = cache.resolve(hash(bytes));
    var file = folder.resolve(name);
    if (Files.isRegularFile(file)
        && Files.size(file) == bytes.length
        && Arrays.equals(Files.readAllBytes(file), bytes)) {
      return file;
    }
    Files.createDirectories(
        folder, PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
    var beside = Files.createTempFile(folder, name, ".tmp");
    try {
      // Synced, or a power failure could leave the name without the bytes.
      Files.write(beside, bytes, StandardOpenOption.WRITE, StandardOpenOption.SYNC);
      try {
        return Files.move(beside, file, StandardCopyOption.ATOMIC_MOVE);
      } catch (AtomicMoveNotSupportedException e) {
        return Files.move(beside, file, StandardCopyOption.REPLACE_EXISTING);
      }
    } finally {
      Files.deleteIfExists(beside);
    }
  }

  private static Path cache() {
    var xdg = System.getenv("XDG_CACHE_HOME");
    var root =
        xdg == null || xdg.isBlank()
            ? Path.of(System.getProperty("user.home"), ".cache")
            : Path.of(xdg);
    return root.resolve("rondo");
  }

  /**
   * What tells one build of a library from another: 16 hexadecimal digits.
   *
   * @throws IllegalStateException when it cannot be read
   */
  public static String hash(Path library) {
    try {
      return hash(Files.readAllBytes(library));
    } catch (IOException e) {
      throw new IllegalStateException(library + ": cannot be read: " + e, e);
    }
  }

  private static String hash(byte[] bytes) {
    try {
      var digest = MessageDigest.getInstance("SHA-256").digest(bytes);
      return HexFormat.of().formatHex(digest).substring(0, 16);
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException(e);
    }
  }
}
