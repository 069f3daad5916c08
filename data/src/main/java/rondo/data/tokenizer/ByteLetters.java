package rondo.data.tokenizer;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/**
 * GPT-2's spelling of bytes: each of the 256 byte values has one printable letter, so that a
 * vocabulary of byte strings can be written as text.
 */
final class ByteLetters {
  private static final char[] LETTERS = letters();
  private static final int[] BYTES = bytes();

  private ByteLetters() {}

  /** The letter of a byte value, 0 to 255. */
  static char letter(int value) {
    return LETTERS[value];
  }

  /** The UTF-8 bytes of {@code text}, a letter each. */
  static String spell(String text) {
    byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
    char[] letters = new char[bytes.length];
    for (int i = 0; i < bytes.length; i++) {
      letters[i] = LETTERS[bytes[i] & 0xff];
    }
    return new String(letters);
  }

  /** The bytes that {@code letters} spell; text that is not such a spelling is its own UTF-8. */
  static byte[] read(String letters) {
    byte[] bytes = new byte[letters.length()];
    for (int i = 0; i < bytes.length; i++) {
      char letter = letters.charAt(i);
      int value = letter < BYTES.length ? BYTES[letter] : -1;
      if (value < 0) {
        return letters.getBytes(StandardCharsets.UTF_8);
      }
      bytes[i] = (byte) value;
    }
    return bytes;
  }

  private static char[] letters() {
    char[] letters = new char[256];
    int spare = 256;
    for (int b = 0; b < 256; b++) {
      boolean printable = (b >= '!' && b <= '~') || (b >= 0xa1 && b <= 0xac) || b >= 0xae;
      letters[b] = (char) (printable ? b : spare++);
    }
    return letters;
  }

  private static int[] bytes() {
    int[] bytes = new int[512];
    Arrays.fill(bytes, -1);
    for (int b = 0; b < 256; b++) {
      bytes[LETTERS[b]] = b;
    }
    return bytes;
  }
}
