package rondo.data.tokenizer;

import java.util.ArrayList;
import java.util.BitSet;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;
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

  private record Candidate(String text, Added token) {}

  private static final Pattern WORD = Pattern.compile("\\w", Pattern.UNICODE_CHARACTER_CLASS);

  private final Map<Character, List<Candidate>> byFirst = new HashMap<>();
  private final BitSet firsts = new BitSet();

  /** Looks for {@code tokens}, each spelled as {@code normalizer} leaves it. */
  AddedTokens(List<Added> tokens, Normalizer normalizer) {
    for (Added token : tokens) {
      String text = normalizer.apply(token.content());
      if (!text.isEmpty()) {
        byFirst
            .computeIfAbsent(text.charAt(0), c -> new ArrayList<>())
            .add(new Candidate(text, token));
        firsts.set(text.charAt(0));
      }
    }
    for (List<Candidate> candidates : byFirst.values()) {
      candidates.sort(Comparator.comparingInt((Candidate p) -> p.text().length()).reversed());
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
      Candidate found = firsts.get(text.charAt(at)) ? match(text, at) : null;
      if (found == null) {
        at++;
        continue;
      }
      int start = at;
      int end = at + found.text().length();
      while (found.token().stripLeft() && start > done && isSpace(text.codePointBefore(start))) {
        start--;
      }
      while (found.token().stripRight() && end < text.length() && isSpace(text.charAt(end))) {
        end++;
      }
      if (start > done) {
        parts.add(new Part(-1, text.substring(done, start), first && done == 0));
      }
      parts.add(new Part(found.token().id(), "", false));
      done = end;
      at = end;
    }
    if (done < text.length()) {
      parts.add(new Part(-1, text.substring(done), first && done == 0));
    }
    return parts;
  }

  private @Nullable Candidate match(String text, int at) {
    for (Candidate found : byFirst.getOrDefault(text.charAt(at), List.of())) {
      if (text.startsWith(found.text(), at)) {
        int end = at + found.text().length();
        return found.token().singleWord() && !isAlone(text, at, end) ? null : found;
      }
    }
    return null;
  }

  private static boolean isAlone(String text, int start, int end) {
    return (start == 0 || !isWord(text.codePointBefore(start)))
        && (end == text.length() || !isWord(text.codePointAt(end)));
  }

  // All white space is in the basic plane, so a char is enough.
  private static boolean isSpace(int c) {
    return Character.isSpaceChar(c) || (c >= '\t' && c <= '\r') || c == 0x85;
  }

  private static boolean isWord(int c) {
    return WORD.matcher(Character.toString(c)).matches();
  }
}
