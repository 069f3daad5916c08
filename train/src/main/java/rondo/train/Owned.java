package rondo.train;

import java.util.ArrayDeque;
import java.util.Deque;

/** Resources taken one by one and given back together, the last one first. */
final class Owned implements AutoCloseable {
  /** What can be given back without a checked exception. */
  @FunctionalInterface
  interface Resource extends AutoCloseable {
    @Override
    void close();
  }

  private final Deque<Resource> resources = new ArrayDeque<>();

  /** Adds what {@code close} gives back. */
  void add(Resource close) {
    resources.push(close);
  }

  @Override
  public void close() {
    while (!resources.isEmpty()) {
      resources.pop().close();
    }
  }
}
