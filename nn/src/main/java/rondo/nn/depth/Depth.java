package rondo.nn.depth;

/**
 * How often the core runs in one training step: first {@code frozen} times without gradient, then
 * {@code tracked} times with (truncated backpropagation through depth).
 */
public record Depth(int frozen, int tracked) {
  public Depth {
    if (frozen < 0 || tracked < 1) {
      throw new IllegalArgumentException(
          "depth: " + frozen + " frozen and " + tracked + " tracked recurrences; tracked ≥ 1");
    }
  }

  public int total() {
    return frozen + tracked;
  }
}
