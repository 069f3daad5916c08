package rondo.data.hub;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** The hashes that a hub names files by. */
final class Hashes {
  private static final Pattern SHA256 = Pattern.compile("[0-9a-f]{64}");
  private static final Pattern SHA1 = Pattern.compile("[0-9a-f]{40}");

  private Hashes() {}

  /**
   * A file's hash of the kind that {@code expected} is: SHA-256 of its bytes for a large file,
   * git's of a blob for others; null where it is another tag, which says nothing of the bytes.
   */
  static @Nullable String like(String expected, Path file) throws IOException {
    if (SHA256.matcher(expected).matches()) {
      return hash("SHA-256", "", file);
    }
    return SHA1.matcher(expected).matches()
        ? hash("SHA-1", "blob " + Files.size(file) + "\0", file)
        : null;
  }

  private static String hash(String algorithm, String before, Path file) throws IOException {
    MessageDigest digest;
    try {
      digest = MessageDigest.getInstance(algorithm);
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every Java has " + algorithm, e);
    }
    digest.update(before.getBytes(StandardCharsets.UTF_8));
    var piece = new byte[1 << 20];
    try (InputStream in = Files.newInputStream(file)) {
      for (int n = in.read(piece); n >= 0; n = in.read(piece)) {
        digest.update(piece, 0, n);
      }
    }
    return HexFormat.of().formatHex(digest.digest());
  }
}
