package rondo.data.tokenizer;

import java.util.Arrays;

/** A growing list of ints, unboxed. */
final class IntList {
  private int[] values;
  private int size;

  IntList(int capacity) {
    values = new int[Math.max(capacity, 8)];
  }

  int size() {
    return size;
  }

  void add(int value) {
    if (size == values.length) {
      values = Arrays.copyOf(values, Math.multiplyExact(size, 2));
    }
    values[size++] = value;
  }

  void addAll(int[] more) {
    if (values.length - size < more.length) {
      int needed = Math.addExact(size, more.length);
      values = Arrays.copyOf(values, Math.max(needed, (int) Math.min(2L * size, 0x7fff_fff0L)));
    }
    System.arraycopy(more, 0, values, size, more.length);
    size += more.length;
  }

  int[] toArray() {
    return Arrays.copyOf(values, size);
  }
}
