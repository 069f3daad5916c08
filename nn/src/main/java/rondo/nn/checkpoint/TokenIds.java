package rondo.nn.checkpoint;

import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Special tokens of a model.
 *
 * @param bos begins a text, or null
 * @param eos any of these ends a text; may be empty
 * @param pad fills rows, or null
 */
public record TokenIds(@Nullable Integer bos, List<Integer> eos, @Nullable Integer pad) {
  public static final TokenIds NONE = new TokenIds(null, List.of(), null);
  public static final TokenIds HUGINN = new TokenIds(65504, List.of(65505), 65509);
  public static final TokenIds LLAMA2 = new TokenIds(1, List.of(2), null);
  public static final TokenIds LLAMA3 = new TokenIds(128000, List.of(128001), null);
  public static final TokenIds OLMO2 = new TokenIds(null, List.of(100257), 100277);

  public TokenIds {
    eos = List.copyOf(eos);
  }

  /** Whether they are Huginn's, which published retrofits of other models carry by mistake. */
  boolean areHuginns() {
    return Integer.valueOf(65504).equals(bos) || eos.contains(65505);
  }

  /** The ids of the published model with a vocabulary of that size; none for other sizes. */
  static TokenIds ofVocabulary(int size) {
    return switch (size) {
      case 32000 -> LLAMA2;
      case 128256 -> LLAMA3;
      case 65536 -> HUGINN;
      case 100352 -> OLMO2;
      default -> NONE;
    };
  }
}
