package rondo.data.tokenizer;

import java.util.Arrays;

/**
 * The merging of one word: always the pair of lowest rank, the leftmost of equals, until no pair
 * merges. A linked list of symbols and a heap of candidates, so O(n log n) for n symbols.
 */
final class MergeRun {
  private static final int GONE = -1;

  private final PairTable merges;
  private final int[] ids;
  private final int[] next;
  private final int[] previous;
  private final int size;

  // Candidates as rank << 32 | position of the left symbol: their order is the merging order.
  private long[] heap;
  private int heapSize;

  MergeRun(PairTable merges, int[] symbols) {
    this.merges = merges;
    ids = symbols;
    size = symbols.length;
    next = new int[size];
    previous = new int[size];
    heap = new long[Math.max(size, 4)];
  }

  void appendTo(IntList out) {
    for (int i = 0; i < size; i++) {
      next[i] = i + 1;
      previous[i] = i - 1;
      if (i + 1 < size) {
        offer(i, i + 1);
      }
    }
    while (heapSize > 0) {
      long candidate = poll();
      int left = (int) candidate;
      int right = next[left];
      if (ids[left] == GONE || right == size) {
        continue;
      }
      long merge = merges.get(ids[left], ids[right]);
      if (merge == PairTable.NONE || merge >>> 32 != candidate >>> 32) {
        continue; // one of the two has changed since
      }
      ids[left] = (int) merge;
      ids[right] = GONE;
      next[left] = next[right];
      if (next[left] < size) {
        previous[next[left]] = left;
        offer(left, next[left]);
      }
      if (previous[left] >= 0) {
        offer(previous[left], left);
      }
    }
    for (int i = 0; i < size; i = next[i]) {
      out.add(ids[i]);
    }
  }

  private void offer(int left, int right) {
    long merge = merges.get(ids[left], ids[right]);
    if (merge == PairTable.NONE) {
      return;
    }
    long candidate = merge >>> 32 << 32 | left;
    if (heapSize == heap.length) {
      heap = Arrays.copyOf(heap, 2 * heapSize);
    }
    int hole = heapSize++;
    while (hole > 0 && heap[(hole - 1) >> 1] > candidate) {
      heap[hole] = heap[(hole - 1) >> 1];
      hole = (hole - 1) >> 1;
    }
    heap[hole] = candidate;
  }

  private long poll() {
    long top = heap[0];
    long moved = heap[--heapSize];
    int hole = 0;
    while (2 * hole + 1 < heapSize) {
      int child = 2 * hole + 1;
      if (child + 1 < heapSize && heap[child + 1] < heap[child]) {
        child++;
      }
      if (heap[child] >= moved) {
        break;
      }
      heap[hole] = heap[child];
      hole = child;
    }
    heap[hole] = moved;
    return top;
  }
}
