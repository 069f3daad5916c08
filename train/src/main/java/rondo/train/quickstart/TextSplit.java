package rondo.train.quickstart;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import rondo.data.DataException;
import rondo.nn.checkpoint.CheckpointException;

/**
 * A text file in two parts: its last twentieth, begun at a line break where one is near, is held
 * out.
 *
 * @param bytes of UTF-8, both parts together
 */
record TextSplit(String train, String validation, int bytes) {
  private static final int HELD_OUT = 20;

  /**
   * Reads and cuts a file.
   *
   * @param limit bytes to read at most; what comes after them is left out
   * @throws DataException when it cannot be read or is not UTF-8
   */
  static TextSplit of(Path file, long limit) {
    byte[] text;
    try (var stream = Files.newInputStream(file)) {
      text = stream.readNBytes((int) Math.min(limit + 1, Integer.MAX_VALUE - 8));
    } catch (IOException e) {
      throw new DataException(file + ": cannot be read: " + CheckpointException.reason(e), e);
    }
    int end = text.length > limit ? wholeCharacter(text, (int) limit) : text.length;
    int cut = cut(text, end);
    try {
      return new TextSplit(decode(text, 0, cut), decode(text, cut, end), end);
    } catch (CharacterCodingException e) {
      throw new DataException(
          file + ": is not UTF-8, expected plain text: convert it first (iconv -t UTF-8)", e);
    }
  }

  /** After the last line break of the tenth before the twentieth; a text may have none. */
  private static int cut(byte[] text, int end) {
    int wanted = end - end / HELD_OUT;
    for (int i = Math.min(wanted + 1, end); i > wanted - end / 10 && i > 0; i--) {
      if (text[i - 1] == '\n') {
        return i;
      }
    }
    return wholeCharacter(text, wanted);
  }

  /** The place itself, or the start of the character that it is in the middle of. */
  private static int wholeCharacter(byte[] text, int at) {
    int start = at;
    while (start > 0 && start < text.length && (text[start] & 0xC0) == 0x80) {
      start--;
    }
    return start;
  }

  private static String decode(byte[] text, int from, int to) throws CharacterCodingException {
    var bytes = ByteBuffer.wrap(text, from, to - from);
    return StandardCharsets.UTF_8.newDecoder().decode(bytes).toString();
  }
}
