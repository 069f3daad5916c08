package rondo.data.tokenizer;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

/** A step on the way from token spellings back to text. */
sealed interface Decoder {
  List<String> apply(List<String> tokens);

  /** One after the other. */
  record Chain(List<Decoder> steps) implements Decoder {
    @Override
    public List<String> apply(List<String> tokens) {
      List<String> result = tokens;
      for (Decoder step : steps) {
        result = step.apply(result);
      }
      return result;
    }
  }

  /** Rewrites each token by itself. */
  record Rewrite(Normalizer rule) implements Decoder {
    @Override
    public List<String> apply(List<String> tokens) {
      return tokens.stream().map(rule::apply).toList();
    }
  }

  /** Joins all tokens into one. */
  record Fuse() implements Decoder {
    @Override
    public List<String> apply(List<String> tokens) {
      return List.of(String.join("", tokens));
    }
  }

  /** Removes up to {@code start} leading and {@code stop} trailing {@code content} characters. */
  record Strip(int content, int start, int stop) implements Decoder {
    @Override
    public List<String> apply(List<String> tokens) {
      return tokens.stream().map(this::strip).toList();
    }

    private String strip(String token) {
      int from = 0;
      for (int i = 0; i < start && from < token.length(); i++) {
        if (token.codePointAt(from) != content) {
          break;
        }
        from += Character.charCount(content);
      }
      int to = token.length();
      for (int i = 0; i < stop && to > from; i++) {
        if (token.codePointBefore(to) != content) {
          break;
        }
        to -= Character.charCount(content);
      }
      return token.substring(from, to);
    }
  }

  /** SentencePiece's marks back to spaces; those of the first token go. */
  record Metaspace(String mark, boolean prefixed) implements Decoder {
    @Override
    public List<String> apply(List<String> tokens) {
      List<String> result = new ArrayList<>(tokens.size());
      for (String token : tokens) {
        result.add(token.replace(mark, prefixed && result.isEmpty() ? "" : " "));
      }
      return result;
    }
  }

  /** Reads {@link ByteLetters}; a byte string that is not UTF-8 gets U+FFFD in its place. */
  record ByteLevel() implements Decoder {
    @Override
    public List<String> apply(List<String> tokens) {
      ByteArrayOutputStream bytes = new ByteArrayOutputStream();
      for (String token : tokens) {
        bytes.writeBytes(ByteLetters.read(token));
      }
      return List.of(bytes.toString(StandardCharsets.UTF_8));
    }
  }

  /** Turns runs of byte tokens, {@code <0x0A>}, into text; a run that is not UTF-8 into U+FFFD. */
  record ByteFallback() implements Decoder {
    @Override
    public List<String> apply(List<String> tokens) {
      List<String> result = new ArrayList<>(tokens.size());
      ByteArrayOutputStream run = new ByteArrayOutputStream();
      for (String token : tokens) {
        int value = byteOf(token);
        if (value >= 0) {
          run.write(value);
        } else {
          flush(run, result);
          result.add(token);
        }
      }
      flush(run, result);
      return result;
    }

    private static void flush(ByteArrayOutputStream run, List<String> result) {
      if (run.size() == 0) {
        return;
      }
      try {
        ByteBuffer bytes = ByteBuffer.wrap(run.toByteArray());
        result.add(StandardCharsets.UTF_8.newDecoder().decode(bytes).toString());
      } catch (CharacterCodingException notUtf8) {
        // One mark for each byte of the run, as in the Rust library.
        result.add("\ufffd".repeat(run.size()));
      }
      run.reset();
    }

    private static int byteOf(String token) {
      if (token.length() != 6 || !token.startsWith("<0x") || !token.endsWith(">")) {
        return -1;
      }
      int high = Character.digit(token.charAt(3), 16);
      int low = Character.digit(token.charAt(4), 16);
      return high < 0 || low < 0 ? -1 : high << 4 | low;
    }
  }
}
