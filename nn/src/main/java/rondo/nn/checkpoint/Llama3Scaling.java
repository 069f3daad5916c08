package rondo.nn.checkpoint;

/**
 * The numbers of Llama 3's scaled rotary frequencies ({@code rope_scaling}).
 *
 * @param factor by how much the slow frequencies are divided
 * @param lowFrequency {@code low_freq_factor}
 * @param highFrequency {@code high_freq_factor}
 * @param originalPositions {@code original_max_position_embeddings}
 */
public record Llama3Scaling(
    double factor, double lowFrequency, double highFrequency, int originalPositions) {
  public Llama3Scaling {
    Check.positive("factor of rope_scaling", factor);
    Check.positive("low_freq_factor", lowFrequency);
    Check.positive("high_freq_factor", highFrequency);
    Check.count("original_max_position_embeddings", originalPositions, Check.MOST_POSITIONS);
    if (highFrequency <= lowFrequency) {
      throw new IllegalArgumentException(
          "high_freq_factor is %s, expected more than low_freq_factor %s"
              .formatted(highFrequency, lowFrequency));
    }
  }
}
