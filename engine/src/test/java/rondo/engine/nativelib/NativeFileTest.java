package rondo.engine.nativelib;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Libraries in the cache are what they were packed as. */
class NativeFileTest {
  @TempDir Path cache;

  @Test
  void aFileOfTheRightSizeButOtherBytesIsWrittenAgain() throws IOException {
    byte[] bytes = {1, 2, 3, 4};
    var file = NativeFile.unpack(cache, "libx.so", bytes);
    assertArrayEquals(bytes, Files.readAllBytes(file));
    for (byte[] damaged : List.of(new byte[] {1, 2, 0, 4}, new byte[] {1}, new byte[0])) {
      Files.write(file, damaged);
      assertEquals(file, NativeFile.unpack(cache, "libx.so", bytes));
      assertArrayEquals(bytes, Files.readAllBytes(file));
    }
    assertEquals(List.of("libx.so"), names(file.resolveSibling("")));
  }

  @Test
  void librariesOfOtherBytesLieApart() throws IOException {
    var one = NativeFile.unpack(cache, "libx.so", new byte[] {1});
    var two = NativeFile.unpack(cache, "libx.so", new byte[] {2});
    assertArrayEquals(new byte[] {1}, Files.readAllBytes(one));
    assertArrayEquals(new byte[] {2}, Files.readAllBytes(two));
  }

  private static List<String> names(Path folder) throws IOException {
    try (var files = Files.list(folder)) {
      return files.map(f -> String.valueOf(f.getFileName())).toList();
    }
  }
}
