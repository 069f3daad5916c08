package rondo.data;

import com.github.luben.zstd.ZstdInputStream;
import java.io.IOException;
import java.io.InputStream;

/**
 * Apart from all else, so that the library is looked for only when a {@code .zst} file is read:
 * whoever verifies a method that returns one of its streams must load it.
 */
final class ZstdStream {
  private ZstdStream() {}

  /**
   * What a compressed stream holds.
   *
   * @throws NoClassDefFoundError without zstd-jni
   */
  static InputStream of(InputStream compressed) throws IOException {
    return new ZstdInputStream(compressed);
  }
}
