package rondo.data.tokenizer;

import java.util.Arrays;

/** The merges of a BPE: pairs of ids to the rank of their merge and the id it makes. */
final class PairTable {
  /** What {@link #get} answers for a pair that does not merge. */
  static final long NONE = -1;

  private static final long EMPTY = -1;

  private final long[] keys;
  private final long[] values;
  private final int shift;

  PairTable(int capacity) {
    int bits = 64 - Long.numberOfLeadingZeros(Math.max(capacity, 4) * 2L);
    keys = new long[1 << bits];
    values = new long[1 << bits];
    shift = 64 - bits;
    Arrays.fill(keys, EMPTY);
  }

  /** A later merge of the same pair replaces the earlier one. */
  void put(int left, int right, int rank, int merged) {
    int slot = slot(key(left, right));
    keys[slot] = key(left, right);
    values[slot] = (long) rank << 32 | merged;
  }

  /** The rank in the high half and the merged id in the low half, or {@link #NONE}. */
  long get(int left, int right) {
    int slot = slot(key(left, right));
    return keys[slot] == EMPTY ? NONE : values[slot];
  }

  private static long key(int left, int right) {
    return (long) left << 32 | right;
  }

  private int slot(long key) {
    int slot = (int) (((key ^ (key >>> 29)) * 0x9e3779b97f4a7c15L) >>> shift);
    while (keys[slot] != EMPTY && keys[slot] != key) {
      slot = slot + 1 & keys.length - 1;
    }
    return slot;
  }
}
