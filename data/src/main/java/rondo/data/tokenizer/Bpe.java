package rondo.data.tokenizer;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Locale;
import java.util.Map;
import java.util.OptionalInt;

/** Byte-pair encoding: words to ids, by a vocabulary and ranked merges. */
final class Bpe {
  /** SentencePiece's mark of a space. */
  private static final char MARK = '\u2581';

  /**
   * What {@code tokenizer.json} says of a BPE.
   *
   * @param byteLetters whether words are spelled in {@link ByteLetters}
   * @param byteFallback whether a character without a token becomes its byte tokens, {@code <0x0A>}
   * @param unknown the id for what has no token; without one it is left out
   * @param fuseUnknown whether neighbouring unknowns become one
   * @param ignoreMerges whether a word that is a token is taken whole, without merging
   */
  record Options(
      boolean byteLetters,
      boolean byteFallback,
      OptionalInt unknown,
      boolean fuseUnknown,
      boolean ignoreMerges) {}

  private final Map<String, Integer> vocabulary;
  private final PairTable merges;
  private final Options options;
  private final boolean cutAtMarks;
  private final int[] letterIds = new int[1 << 16];
  private final int[] byteIds = new int[256];
  private final boolean allBytes;
  private final WordCache cache = new WordCache();

  /**
   * @param mergesCrossMarks whether some merge joins a token that does not end in a mark with one
   *     that begins with one. Where none does, merges on the two sides of such a place cannot meet,
   *     so a whole document is cut there into words, which changes nothing and can be remembered.
   */
  Bpe(
      Map<String, Integer> vocabulary,
      PairTable merges,
      boolean mergesCrossMarks,
      Options options) {
    this.vocabulary = vocabulary;
    this.merges = merges;
    this.options = options;
    cutAtMarks =
        !mergesCrossMarks
            && !options.ignoreMerges()
            && !options.byteLetters()
            && vocabulary.containsKey(String.valueOf(MARK));
    Arrays.fill(letterIds, -1);
    vocabulary.forEach((token, id) -> {
      if (token.length() == 1) {
        letterIds[token.charAt(0)] = id;
      }
    });
    boolean all = true;
    for (int b = 0; b < 256; b++) {
      Integer id = vocabulary.get(String.format(Locale.ROOT, "<0x%02X>", b));
      byteIds[b] = id == null ? -1 : id;
      all &= id != null;
    }
    allBytes = all;
  }

  /** Whether a merge of these two tokens crosses a mark, see the constructor. */
  static boolean crossesMark(String left, String right) {
    return right.charAt(0) == MARK && left.charAt(left.length() - 1) != MARK;
  }

  void encode(String text, IntList out) {
    int from = 0;
    if (cutAtMarks) {
      for (int i = 1; i < text.length(); i++) {
        if (text.charAt(i) == MARK && text.charAt(i - 1) != MARK) {
          out.addAll(cache.get(text.substring(from, i), this::word));
          from = i;
        }
      }
    }
    if (from < text.length()) {
      String rest = from == 0 ? text : text.substring(from);
      out.addAll(cache.get(rest, this::word));
    }
  }

  private int[] word(String text) {
    String spelled = options.byteLetters() ? ByteLetters.spell(text) : text;
    if (options.ignoreMerges()) {
      Integer whole = vocabulary.get(spelled);
      if (whole != null) {
        return new int[] {whole};
      }
    }
    IntList out = new IntList(spelled.length());
    new MergeRun(merges, symbols(spelled)).appendTo(out);
    return out.toArray();
  }

  private int[] symbols(String word) {
    IntList symbols = new IntList(word.length());
    boolean pending = false; // an unknown that the next one may be fused with
    for (int i = 0; i < word.length(); ) {
      int c = word.codePointAt(i);
      i += Character.charCount(c);
      int id = c < letterIds.length ? letterIds[c] : lookUp(Character.toString(c));
      if (id >= 0) {
        if (pending) {
          symbols.add(options.unknown().getAsInt());
          pending = false;
        }
        symbols.add(id);
      } else if (!(options.byteFallback() && addBytes(Character.toString(c), symbols))
          && options.unknown().isPresent()) {
        if (pending && !options.fuseUnknown()) {
          symbols.add(options.unknown().getAsInt());
        }
        pending = true;
      }
    }
    if (pending) {
      symbols.add(options.unknown().getAsInt());
    }
    return symbols.toArray();
  }

  private int lookUp(String letter) {
    Integer id = vocabulary.get(letter);
    return id == null ? -1 : id;
  }

  private boolean addBytes(String letter, IntList symbols) {
    byte[] bytes = letter.getBytes(StandardCharsets.UTF_8);
    if (!allBytes) {
      for (byte b : bytes) {
        if (byteIds[b & 0xff] < 0) {
          return false;
        }
      }
    }
    for (byte b : bytes) {
      symbols.add(byteIds[b & 0xff]);
    }
    return true;
  }
}
