package rondo.train.quickstart;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import rondo.data.DataException;

class TextSplitTest {
  @TempDir Path folder;

  private TextSplit split(String text, long limit) throws IOException {
    return TextSplit.of(Files.writeString(folder.resolve("text"), text), limit);
  }

  @Test
  void theLastTwentiethIsHeldOutFromALineBreakOn() throws IOException {
    var split = split("0123456\n".repeat(50), 1000);
    assertEquals("0123456\n".repeat(47), split.train());
    assertEquals("0123456\n".repeat(3), split.validation());
    assertEquals(400, split.bytes());
  }

  @Test
  void aTextWithoutLineBreaksIsSplitAllTheSame() throws IOException {
    var split = split("x".repeat(400), 1000);
    assertEquals(380, split.train().length());
    assertEquals(20, split.validation().length());
    assertEquals(380, split("\n" + "x".repeat(399), 1000).train().length(), "one, but far away");
  }

  @Test
  void noCharacterIsCutInTwo() throws IOException {
    var letter = "\uD83D\uDE42"; // 4 bytes
    for (int length = 40; length < 60; length++) {
      for (int limit = 30; limit < 50; limit++) {
        var text = "a".repeat(limit % 4) + letter.repeat(length);
        var split = split(text, limit);
        var both = split.train() + split.validation();
        assertTrue(text.startsWith(both), both);
        assertEquals(both.getBytes(StandardCharsets.UTF_8).length, split.bytes());
        assertTrue(split.bytes() <= limit && split.bytes() > limit - 4, "bytes, not characters");
        assertTrue(!split.train().isEmpty());
      }
    }
  }

  @Test
  void whatIsNoTextIsNamed() throws IOException {
    var file = Files.write(folder.resolve("latin1"), new byte[] {'a', (byte) 0xE9, 'b'});
    var e = assertThrows(DataException.class, () -> TextSplit.of(file, 100));
    assertTrue(String.valueOf(e.getMessage()).endsWith("(iconv -t UTF-8)"), e.toString());
    e = assertThrows(DataException.class, () -> TextSplit.of(folder.resolve("none"), 100));
    assertTrue(String.valueOf(e.getMessage()).contains("no such file"), e.toString());
  }
}
