package rondo.data.tokenizer;

import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * The ids of words met lately: a fixed number of slots, one word each, the newest wins. Threads may
 * share it without locks, because a slot holds one immutable entry and losing one only costs time.
 */
final class WordCache {
  private static final int SLOTS = 1 << 16;
  private static final int LONGEST = 48;

  private static final class Entry {
    private final String word;
    private final int[] ids;

    Entry(String word, int[] ids) {
      this.word = word;
      this.ids = ids;
    }
  }

  private final @Nullable Entry[] entries = new @Nullable Entry[SLOTS];

  /** The ids of {@code word}; the caller must not write into them. */
  int[] get(String word, Function<String, int[]> encode) {
    if (word.length() > LONGEST) {
      return encode.apply(word);
    }
    int hash = word.hashCode() * 0x9e3779b9;
    int slot = hash >>> 16 & SLOTS - 1;
    Entry entry = entries[slot];
    if (entry == null || !entry.word.equals(word)) {
      entry = new Entry(word, encode.apply(word));
      entries[slot] = entry;
    }
    return entry.ids;
  }
}
