package rondo.nn.checkpoint;

/** Checks of hyper-parameters; the limits keep every product of theirs inside a long. */
final class Check {
  static final int MOST_WIDTH = 1 << 20;
  static final int MOST_LAYERS = 1 << 16;
  static final int MOST_VOCABULARY = 1 << 28;
  static final int MOST_POSITIONS = 1 << 30;

  private Check() {}

  static void count(String name, long value, long most) {
    if (value < 1 || value > most) {
      throw new IllegalArgumentException("%s is %d, expected 1 to %d".formatted(name, value, most));
    }
  }

  static void positive(String name, double value) {
    if (!(value > 0) || value == Double.POSITIVE_INFINITY) {
      throw new IllegalArgumentException(
          "%s is %s, expected a positive number".formatted(name, value));
    }
  }
}
