package rondo.nn;

import org.jspecify.annotations.Nullable;
import rondo.engine.graph.Attention;
import rondo.engine.graph.Heads;
import rondo.engine.graph.Tensor;
import rondo.nn.checkpoint.Rope;

/**
 * Where rows stand in their sequences: what rotary embedding needs, the same for every block and
 * every recurrence, and what rows came before.
 *
 * @param positions i32 [batch, time]
 * @param table [positions, size/2, 2]: cos and sin
 * @param caches of earlier rows; null where all rows of the sequences are there
 */
public record Positions(Tensor positions, Tensor table, @Nullable Caches caches) {
  /** Of whole sequences. */
  public Positions(Tensor positions, Tensor table) {
    this(positions, table, null);
  }

  /** Causal attention, over the rows that came before as well. */
  Tensor attend(Trace t, Tensor qkv, Heads heads, float scale) {
    return caches == null
        ? t.graph().add(new Attention(qkv, heads, scale))
        : caches.attend(t, qkv, heads, scale);
  }

  /**
   * The table for positions 0 … rows-1: angles are products of float32 numbers, as the published
   * models compute them; llama3 scaling after Hugging Face's modeling_rope_utils.
   */
  public static float[] table(Rope rope, int rows, int size) {
    var table = new float[rows * size];
    for (int j = 0; j < size / 2; j++) {
      float frequency = (float) frequency(rope, j, size);
      for (int t = 0; t < rows; t++) {
        double angle = t * frequency;
        table[t * size + 2 * j] = (float) Math.cos(angle);
        table[t * size + 2 * j + 1] = (float) Math.sin(angle);
      }
    }
    return table;
  }

  private static double frequency(Rope rope, int j, int size) {
    double frequency = Math.pow(rope.theta(), -2.0 * j / size);
    var scaling = rope.scaling();
    if (scaling == null) {
      return frequency;
    }
    double wavelength = 2 * Math.PI / frequency;
    double original = scaling.originalPositions();
    if (wavelength < original / scaling.highFrequency()) {
      return frequency;
    }
    if (wavelength > original / scaling.lowFrequency()) {
      return frequency / scaling.factor();
    }
    double smooth =
        (original / wavelength - scaling.lowFrequency())
            / (scaling.highFrequency() - scaling.lowFrequency());
    return (1 - smooth) * frequency / scaling.factor() + smooth * frequency;
  }
}
