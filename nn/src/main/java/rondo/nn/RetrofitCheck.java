package rondo.nn;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import rondo.engine.random.Philox;
import rondo.engine.weights.Parameter;
import rondo.nn.checkpoint.Surgery;

/**
 * Whether a retrofit is its base without the dropped layers: with the adapter passed by (an
 * identity on the zero state, so that u = e) and one recurrence, every hidden state must be the
 * same. The published conversion is judged so as well (arXiv 2511.07384).
 */
public final class RetrofitCheck {
  /** Largest difference, relative to the layer's largest value, that rounding alone may make. */
  private static final double TOLERANCE = 1e-5;

  private static final int TOKENS = 16;

  private RetrofitCheck() {}

  /**
   * One hidden state in both models.
   *
   * @param part where: {@code core 2}
   * @param layer of the base, or -1 where it is no layer
   * @param difference the largest absolute one
   * @param largest the largest absolute value in the base
   */
  public record Row(String part, int layer, double difference, double largest) {
    /** Whether both are the same but for rounding; what is no number is not. */
    public boolean agrees() {
      return difference <= TOLERANCE * largest;
    }

    /** {@code core 2 (layer 12)}. */
    public String name() {
      return layer < 0 ? part : part + " (layer " + layer + ")";
    }
  }

  /**
   * Runs both models on the same random tokens, block by block; then the converted one as a whole.
   *
   * @param base of fixed depth
   * @param made recurrent, on the same device
   * @param surgery that made it
   * @param seed of the tokens
   * @return the embedding, each kept layer in its order, the adapter, the final norm, the logits
   * @throws IllegalArgumentException when the two cannot be of this surgery
   */
  public static List<Row> compare(Weights base, Weights made, Surgery surgery, long seed) {
    if (!(base.model() instanceof FixedModel fixed)
        || !(made.model() instanceof RecurrentModel recurrent)) {
      throw new IllegalArgumentException("a retrofit is compared with a model of fixed depth");
    }
    surgery.within(fixed.blocks().size());
    requireFit(fixed, recurrent, surgery);
    var tokens = tokens(fixed, seed);
    var rows = new ArrayList<Row>();
    try (var a = new BlockByBlock(base, tokens);
        var b = new BlockByBlock(made, tokens)) {
      rows.add(embedding(base, fixed.embedding(), made, recurrent.embedding()));
      a.embed(fixed.embedding());
      b.embed(recurrent.embedding());
      var walk = new Walk(fixed, a, b, rows);
      walk.part("prelude", surgery.prelude(), recurrent.prelude());
      b.adapt(recurrent);
      walk.compare("adapter", -1);
      walk.part("core", surgery.core(), recurrent.core());
      walk.part("coda", surgery.coda(), recurrent.coda());
      a.norm(fixed.norm());
      b.norm(recurrent.norm());
      walk.compare("final norm", -1);
      rows.add(row("logits", -1, a.logits(fixed.head()), b.logits(recurrent)));
    }
    return List.copyOf(rows);
  }

  /** Both models on their way down. */
  private record Walk(FixedModel fixed, BlockByBlock base, BlockByBlock made, List<Row> rows) {
    void part(String name, List<Integer> layers, List<Block> blocks) {
      for (int i = 0; i < blocks.size(); i++) {
        base.block(fixed.blocks().get(layers.get(i)));
        made.block(blocks.get(i));
        compare(name + " " + i, layers.get(i));
      }
    }

    void compare(String part, int layer) {
      rows.add(row(part, layer, base.hidden(), made.hidden()));
    }
  }

  private static void requireFit(FixedModel fixed, RecurrentModel recurrent, Surgery surgery) {
    var a = fixed.config();
    var b = recurrent.config();
    if (!a.block().equals(b.block())
        || a.vocabulary() != b.vocabulary()
        || b.prelude() != surgery.prelude().size()
        || b.core() != surgery.core().size()
        || b.coda() != surgery.coda().size()) {
      throw new IllegalArgumentException(
          ("the converted model has %d, %d and %d blocks of %s and %d tokens; expected %d, %d and"
                  + " %d blocks of %s and %d tokens")
              .formatted(
                  b.prelude(),
                  b.core(),
                  b.coda(),
                  b.block(),
                  b.vocabulary(),
                  surgery.prelude().size(),
                  surgery.core().size(),
                  surgery.coda().size(),
                  a.block(),
                  a.vocabulary()));
    }
  }

  private static int[] tokens(FixedModel model, long seed) {
    var tokens = new int[Math.min(TOKENS, model.config().maxPositions())];
    for (int i = 0; i < tokens.length; i++) {
      tokens[i] = (int) (Philox.uniform(seed, 0, i) * model.config().vocabulary());
    }
    return tokens;
  }

  /** The whole table: random tokens would see a few rows of it. */
  private static Row embedding(Weights base, Parameter a, Weights made, Parameter b) {
    var x = base.device().read(base.of(a));
    var y = made.device().read(made.of(b));
    return row("embedding", -1, x, y);
  }

  private static Row row(String part, int layer, float[] base, float[] made) {
    return row(part, layer, MemorySegment.ofArray(base), MemorySegment.ofArray(made));
  }

  private static Row row(String part, int layer, MemorySegment base, MemorySegment made) {
    double difference = 0;
    double largest = 0;
    for (long i = 0; i < base.byteSize() / Float.BYTES; i++) {
      double x = base.getAtIndex(JAVA_FLOAT, i);
      // Math.max passes on what is no number, which then agrees with nothing.
      difference = Math.max(difference, Math.abs(x - made.getAtIndex(JAVA_FLOAT, i)));
      largest = Math.max(largest, Math.abs(x));
    }
    return new Row(part, layer, difference, largest);
  }
}
