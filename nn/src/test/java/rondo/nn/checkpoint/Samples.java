package rondo.nn.checkpoint;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.function.Executable;

/** Files for tests: built from bytes, or real ones where the shared folder is present. */
final class Samples {
  private Samples() {}

  /** Writes a safetensors file with that header and {@code dataBytes} zeros. */
  static Path safetensors(Path file, String header, int dataBytes) {
    byte[] json = header.getBytes(StandardCharsets.UTF_8);
    return bytes(file, json.length, json, dataBytes);
  }

  /** Writes a length, header bytes and {@code dataBytes} zeros, whether they agree or not. */
  static Path bytes(Path file, long length, byte[] header, int dataBytes) {
    ByteBuffer all = ByteBuffer.allocate(8 + header.length + dataBytes);
    all.order(ByteOrder.LITTLE_ENDIAN).putLong(length).put(header);
    return text(file, all.array());
  }

  static Path text(Path file, String text) {
    return text(file, text.getBytes(StandardCharsets.UTF_8));
  }

  static Path text(Path file, byte[] bytes) {
    try {
      return Files.write(file, bytes);
    } catch (IOException e) {
      throw new AssertionError(e);
    }
  }

  /** Asserts that the call fails with one line that holds every part. */
  static void assertFault(Executable call, String... parts) {
    String message = String.valueOf(assertThrows(CheckpointException.class, call).getMessage());
    assertEquals(1, message.lines().count(), message);
    assertFalse(message.contains("tools.jackson"), message);
    for (String part : parts) {
      assertTrue(message.contains(part), "'" + message + "' lacks '" + part + "'");
    }
  }

  /** A file of the folder {@code shared} beside the project; without it the test is skipped. */
  static Path shared(String name) {
    Path file = Path.of(System.getProperty("rondo.shared", "../../shared"), name);
    assumeTrue(Files.exists(file), file + " is absent (-Drondo.shared=FOLDER)");
    return file;
  }
}
