package rondo.engine.plain;

import static rondo.engine.plain.Trial.BF16;
import static rondo.engine.plain.Trial.F32;

import java.lang.foreign.MemorySegment;
import java.util.stream.Stream;
import rondo.engine.plain.OperationSamples.Case;

final class EmbeddingSamples {
  private static final float SCALE = 1.5f;

  private EmbeddingSamples() {}

  static Stream<Case> all() {
    Stream.Builder<Case> cases = Stream.builder();
    // Fewer tokens than rows, so that rows of the gradient meet; and more, so that some get none.
    int[][] shapes = {{1, 1, 1}, {1, 64, 5}, {9, 7, 4}, {3, 33, 50}, {130, 16, 11}};
    for (int[] s : shapes) {
      String shape = s[0] + " x " + s[1] + " of " + s[2];
      cases.add(Case.typed("embedding f32 " + shape, t -> forward(t, s[0], s[1], s[2], F32)));
      cases.add(Case.typed("embedding bf16 " + shape, t -> forward(t, s[0], s[1], s[2], BF16)));
      cases.add(Case.typed("embedding gradient " + shape, t -> grad(t, s[0], s[1], s[2], 0)));
      cases.add(Case.typed("embedding gradient added " + shape, t -> grad(t, s[0], s[1], s[2], 1)));
    }
    cases.add(new Case("embedding gradient by differences", EmbeddingSamples::differences));
    cases.add(new Case("embedding refuses a token of -1", t -> refuses(t, -1)));
    cases.add(new Case("embedding refuses a token of vocab", t -> refuses(t, 4)));
    return cases.build();
  }

  private static double[] embed(double[] table, int[] tokens, int width) {
    double[] y = new double[tokens.length * width];
    for (int r = 0; r < tokens.length; r++) {
      for (int i = 0; i < width; i++) {
        y[r * width + i] = SCALE * table[tokens[r] * width + i];
      }
    }
    return y;
  }

  private static void forward(Trial t, int rows, int width, int vocab, int type) {
    double[] table = t.normalOf(type, vocab * width);
    int[] tokens = t.below(vocab, rows);
    MemorySegment y = t.result(rows * width);
    t.on()
        .embedding(
            t.type(), t.input(table, type), type, t.input(tokens), rows, width, vocab, SCALE, y);
    t.expectActivations("y", y, embed(table, tokens, width), 1e-7);
  }

  private static void grad(Trial t, int rows, int width, int vocab, int accumulate) {
    int[] tokens = t.below(vocab, rows);
    double[] dy = t.activations(rows * width);
    double[] before = t.normal(vocab * width);
    double[] expected = accumulate == 1 ? before.clone() : new double[vocab * width];
    for (int r = 0; r < rows; r++) {
      for (int i = 0; i < width; i++) {
        expected[tokens[r] * width + i] += SCALE * dy[r * width + i];
      }
    }
    MemorySegment dtable = accumulate == 1 ? t.state(before) : t.output(vocab * width);
    t.on()
        .embeddingGrad(
            t.type(),
            t.input(tokens),
            t.activation(dy),
            rows,
            width,
            vocab,
            SCALE,
            accumulate,
            dtable);
    t.expect("dtable", dtable, expected, 2e-6);
  }

  private static void differences(Trial t) {
    int rows = 7;
    int width = 3;
    int vocab = 5;
    int[] tokens = t.below(vocab, rows);
    double[] dy = t.normal(rows * width);
    MemorySegment dtable = t.output(vocab * width);
    t.on().embeddingGrad(F32, t.input(tokens), t.input(dy), rows, width, vocab, SCALE, 0, dtable);
    double[] expected =
        Trial.differences(
            t.normal(vocab * width), table -> Trial.dot(dy, embed(table, tokens, width)));
    t.expect("dtable", dtable, expected, 2e-6);
  }

  private static void refuses(Trial t, int token) {
    MemorySegment table = t.input(t.normal(4 * 3));
    MemorySegment tokens = t.input(0, token, 1);
    MemorySegment y = t.output(3 * 3);
    t.expectRefusal(() -> t.on().embedding(F32, table, F32, tokens, 3, 3, 4, SCALE, y));
  }
}
