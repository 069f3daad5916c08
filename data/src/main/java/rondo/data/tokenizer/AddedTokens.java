package rondo.data.tokenizer;

import java.util.ArrayList;
import java.util.BitSet;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The tokens that are cut out of a text before anything else happens to it. At each place the
 * longest one wins.
 */
final class AddedTokens {

  /**
   * One added token, with the flags of {@code tokenizer.json}.
   *
   * @param stripLeft whether white space to the left belongs to it; {@code stripRight} likewise
   * @param normalized whether it is looked for in the normalised text
   */
  record Added(
      int id,
      String content,
      boolean special,
      boolean singleWord,
      boolean stripLeft,
      boolean stripRight,
      boolean normalized) {}

  /** A part of a text: an added token's id, or -1 and text. */
  record Part(int id, String text, boolean first) {}

  private record Pattern(String text, Added token) {}

  private final Map<Character, List<Pattern>> byFirst = new HashMap<>();
  private final BitSet firsts = new BitSet();

  /** Looks for {@code tokens}, each spelled as {@code normalizer} leaves it. */
  AddedTokens(List<Added> tokens, Normalizer normalizer) {
    for (Added token : tokens) {
      String text = normalizer.apply(token.content());
      if (!text.isEmpty()) {
        byFirst
            .computeIfAbsent(text.charAt(0), c -> new ArrayList<>())
            .add(new Pattern(text, token));
        firsts.set(text.charAt(0));
      }
    }
    for (List<Pattern> patterns : byFirst.values()) {
      patterns.sort(Comparator.comparingInt((Pattern p) -> p.text().length()).reversed());
    }
  }

  List<Part> split(String text, boolean first) {
    if (byFirst.isEmpty()) {
      return List.of(new Part(-1, text, first));
    }
    List<Part> parts = new ArrayList<>();
    int done = 0;
    int at = 0;
    while (at < text.length()) {
      Pattern pattern = firsts.get(text.charAt(at)) ? match(text, at) : null;
      if (pattern == null) {
        at++;
        continue;
      }
      int start = at;
      int end = at + pattern.text().length();
      while (pattern.token().stripLeft() && start > done && isSpace(text.codePointBefore(start))) {
        start--;
      }
      while (pattern.token().stripRight() && end < text.length() && isSpace(text.charAt(end))) {
        end++;
      }
      if (start > done) {
        parts.add(new Part(-1, text.substring(done, start), first && done == 0));
      }
      parts.add(new Part(pattern.token().id(), "", false));
      done = end;
      at = end;
    }
    if (done < text.length()) {
      parts.add(new Part(-1, text.substring(done), first && done == 0));
    }
    return parts;
  }

  private @Nullable Pattern match(String text, int at) {
    for (Pattern pattern : byFirst.getOrDefault(text.charAt(at), List.of())) {
      if (text.startsWith(pattern.text(), at)) {
        int end = at + pattern.text().length();
        boolean alone =
            (at == 0 || !isWord(text.codePointBefore(at)))
                && (end == text.length() || !isWord(text.codePointAt(end)));
        return pattern.token().singleWord() && !alone ? null : pattern;
      }
    }
    return null;
  }

  // All white space is in the basic plane, so a char is enough.
  private static boolean isSpace(int c) {
    return Character.isWhitespace(c) || Character.isSpaceChar(c) || c == 0x85;
  }

  private static boolean isWord(int c) {
    return Character.isLetterOrDigit(c) || c == '_';
  }
}
