package rondo.data.tokenizer;

import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** A way to cut text into words, inside which alone merges happen. */
sealed interface PreTokenizer {

  /**
   * Passes the words of {@code text} on, in order.
   *
   * @param first whether the text is the beginning of what the user gave
   */
  void split(String text, boolean first, Consumer<String> words);

  /**
   * Whether words are spelled in {@link ByteLetters} afterwards. {@link Bpe} does that, and only
   * for words it has not met, so that what it remembers is keyed by plain text.
   */
  default boolean bytes() {
    return false;
  }

  /** One after the other; an empty list leaves the text whole. */
  record Chain(List<PreTokenizer> steps) implements PreTokenizer {
    @Override
    public void split(String text, boolean first, Consumer<String> words) {
      from(0, text, first, words);
    }

    private void from(int step, String text, boolean first, Consumer<String> words) {
      if (step == steps.size()) {
        words.accept(text);
        return;
      }
      boolean[] atStart = {first};
      steps
          .get(step)
          .split(
              text,
              first,
              word -> {
                from(step + 1, word, atStart[0], words);
                atStart[0] = false;
              });
    }

    @Override
    public boolean bytes() {
      return !steps.isEmpty() && steps.getLast().bytes();
    }
  }

  /** GPT-2's: words by pattern where there is one, then bytes. */
  record ByteLevel(boolean prefixSpace, Optional<Pattern> pattern) implements PreTokenizer {
    static final Pattern GPT2 =
        Pattern.compile(
            "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+",
            Pattern.UNICODE_CHARACTER_CLASS);

    @Override
    public void split(String text, boolean first, Consumer<String> words) {
      String whole = prefixSpace && !text.startsWith(" ") ? " " + text : text;
      if (pattern.isPresent()) {
        isolate(pattern.get(), whole, words, words);
      } else {
        words.accept(whole);
      }
    }

    @Override
    public boolean bytes() {
      return true;
    }
  }

  /** Cuts out every match; {@code keepMatches} and {@code keepRest} say which parts are words. */
  record Split(Pattern pattern, boolean keepMatches, boolean keepRest) implements PreTokenizer {
    @Override
    public void split(String text, boolean first, Consumer<String> words) {
      isolate(pattern, text, keepMatches ? words : w -> {}, keepRest ? words : w -> {});
    }
  }

  /** SentencePiece's: spaces become {@code mark}, and one is put in front. */
  record Metaspace(String mark, Prefix prefix, boolean split) implements PreTokenizer {
    enum Prefix {
      ALWAYS,
      FIRST,
      NEVER
    }

    @Override
    public void split(String text, boolean first, Consumer<String> words) {
      String marked = text.replace(" ", mark);
      boolean wanted = prefix == Prefix.ALWAYS || (prefix == Prefix.FIRST && first);
      if (wanted && !marked.startsWith(mark)) {
        marked = mark + marked;
      }
      if (!split) {
        words.accept(marked);
        return;
      }
      int from = 0;
      while (from < marked.length()) {
        int to = marked.indexOf(mark, from + 1);
        to = to < 0 ? marked.length() : to;
        words.accept(marked.substring(from, to));
        from = to;
      }
    }
  }

  private static void isolate(
      Pattern pattern, String text, Consumer<String> matches, Consumer<String> rest) {
    Matcher matcher = pattern.matcher(text);
    int at = 0;
    while (matcher.find()) {
      int start = matcher.start();
      int end = matcher.end();
      if (end == start) {
        continue;
      }
      if (start > at) {
        rest.accept(text.substring(at, start));
      }
      matches.accept(text.substring(start, end));
      at = end;
    }
    if (at < text.length()) {
      rest.accept(text.substring(at));
    }
  }
}
