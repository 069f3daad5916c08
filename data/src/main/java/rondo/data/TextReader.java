package rondo.data;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/** Plain text: the whole file, or the parts between lines that are {@link #SEPARATOR}. */
final class TextReader implements DocumentReader {
  static final String SEPARATOR = "<|endoftext|>";

  private static final int LONGEST = 1 << 30;

  private final Path file;
  private final BufferedReader reader;
  private final StringBuilder text = new StringBuilder();
  private boolean divided;
  private boolean ended;
  private long line = 1;
  private long documents;

  TextReader(Path file, InputStream bytes) {
    this.file = file;
    // A decoder of its own, so that bytes which are not UTF-8 are an error.
    reader = new BufferedReader(new InputStreamReader(bytes, StandardCharsets.UTF_8.newDecoder()));
  }

  @Override
  public @Nullable Document next() {
    while (!ended) {
      boolean separator = readToSeparator();
      divided |= separator;
      String found = divided ? text.toString().strip() : text.toString();
      text.setLength(0);
      if (!found.isEmpty()) {
        documents++;
        return new Document.Text(found, new Document.Location(file, "document", documents));
      }
    }
    return null;
  }

  /** Fills {@link #text}; true if a separator ended it, false if the file did. */
  private boolean readToSeparator() {
    try {
      int start = 0; // of the current line in text
      while (true) {
        int c = reader.read();
        if (c >= 0) {
          text.append((char) c);
        }
        if (c == '\n' || c < 0) {
          if (isSeparator(start)) {
            text.setLength(start);
            ended = c < 0;
            line++;
            return true;
          }
          start = text.length();
          line++;
        }
        if (c < 0) {
          ended = true;
          return false;
        }
        if (text.length() > LONGEST) {
          throw new DataException(
              file
                  + " line "
                  + line
                  + ": a document of more than 2^30 characters,"
                  + " expected lines "
                  + SEPARATOR
                  + " between documents");
        }
      }
    } catch (CharacterCodingException e) {
      throw new DataException(
          file + " near line " + line + ": not UTF-8; convert the file, for instance with iconv",
          e);
    } catch (IOException e) {
      throw FileSource.unreadable(file, e);
    }
  }

  private boolean isSeparator(int start) {
    int end = text.length();
    while (end > start && text.charAt(end - 1) <= ' ') {
      end--;
    }
    return end - start == SEPARATOR.length() && text.indexOf(SEPARATOR, start) == start;
  }

  @Override
  public void close() {
    try {
      reader.close();
    } catch (IOException e) {
      throw FileSource.unreadable(file, e);
    }
  }
}
