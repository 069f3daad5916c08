package rondo.nn.checkpoint;

import org.jspecify.annotations.Nullable;

/**
 * Rotary positions.
 *
 * @param theta the base of the frequencies
 * @param interleaved whether a pair is two adjacent values (Huginn) or value j and j + headDim / 2
 * @param scaling Llama 3's scaling of the frequencies, or null
 */
public record Rope(double theta, boolean interleaved, @Nullable Llama3Scaling scaling) {
  public Rope {
    Check.positive("theta of the rotary positions", theta);
  }
}
