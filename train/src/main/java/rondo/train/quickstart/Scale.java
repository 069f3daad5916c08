package rondo.train.quickstart;

/**
 * How much work the quickstart does; step counts are fixed, so that it reproduces.
 *
 * @param bytes of text, training and validation together
 * @param layers of the fixed-depth base
 * @param prelude range of base layers kept as prelude; {@code core} and {@code coda} likewise
 * @param meanRecurrence that healing ends at
 * @param validationRows rows of sequence_length + 1 tokens that losses are measured on
 */
public record Scale(
    long bytes,
    int layers,
    int width,
    int heads,
    int kvHeads,
    int hidden,
    int sequenceLength,
    int sequences,
    int baseSteps,
    int healSteps,
    int meanRecurrence,
    int validationRows,
    String prelude,
    String core,
    String coda) {

  /** A few minutes on two cores. */
  public static Scale small() {
    return new Scale(8_000_000, 6, 128, 4, 2, 384, 256, 16, 240, 80, 4, 128, "0", "2-4", "5");
  }

  /** About an hour on two cores: what the README's table shows. */
  public static Scale full() {
    return new Scale(32_000_000, 8, 192, 6, 3, 512, 256, 16, 1200, 400, 8, 512, "0-1", "3-6", "7");
  }
}
