package rondo.data.tokenizer;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.Random;
import org.junit.jupiter.api.Test;

class MergeRunTest {
  private static final String LETTERS = "abc\u2581";

  /** A vocabulary of random merges over a few letters. */
  private static final class Model {
    final List<String> tokens = new ArrayList<>();
    final Map<String, Integer> vocabulary = new HashMap<>();
    final PairTable merges = new PairTable(40);
    boolean crossing;

    Model(Random random, boolean acrossMarks) {
      for (int i = 0; i < LETTERS.length(); i++) {
        add(LETTERS.substring(i, i + 1));
      }
      for (int rank = 0; rank < 40; rank++) {
        int left = random.nextInt(tokens.size());
        int right = random.nextInt(tokens.size());
        String merged = tokens.get(left) + tokens.get(right);
        boolean crosses = Bpe.crossesMark(tokens.get(left), tokens.get(right));
        if (!vocabulary.containsKey(merged) && (acrossMarks || !crosses)) {
          crossing |= crosses;
          add(merged);
          merges.put(left, right, rank, tokens.size() - 1);
        }
      }
    }

    private void add(String token) {
      vocabulary.put(token, tokens.size());
      tokens.add(token);
    }

    int[] byDefinition(String text) {
      List<Integer> ids = new ArrayList<>();
      text.chars().forEach(c -> ids.add(LETTERS.indexOf(c)));
      while (true) {
        int best = -1;
        long least = Long.MAX_VALUE;
        for (int i = 0; i + 1 < ids.size(); i++) {
          long merge = merges.get(ids.get(i), ids.get(i + 1));
          if (merge != PairTable.NONE && merge >>> 32 < least) {
            least = merge >>> 32;
            best = i;
          }
        }
        if (best < 0) {
          return ids.stream().mapToInt(Integer::intValue).toArray();
        }
        ids.set(best, (int) merges.get(ids.get(best), ids.get(best + 1)));
        ids.remove(/* index */ best + 1);
      }
    }
  }

  @Test
  void theHeapAndTheCutAtMarksMergeAsTheDefinitionDoes() {
    for (long seed = 0; seed < 200; seed++) {
      Random random = new Random(seed);
      Model model = new Model(random, seed % 2 == 0);
      Bpe.Options options = new Bpe.Options(false, false, OptionalInt.empty(), false, false);
      Bpe bpe = new Bpe(model.vocabulary, model.merges, model.crossing, options);
      for (int i = 0; i < 20; i++) {
        StringBuilder text = new StringBuilder();
        for (int n = random.nextInt(60); n > 0; n--) {
          text.append(LETTERS.charAt(random.nextInt(LETTERS.length())));
        }
        IntList out = new IntList(8);
        bpe.encode(text.toString(), out);
        assertArrayEquals(
            model.byDefinition(text.toString()), out.toArray(), "seed " + seed + ": " + text);
      }
    }
  }

  @Test
  void aWordOfAMillionLettersIsNoTrouble() {
    Model model = new Model(new Random(1), true);
    int[] symbols = new Random(2).ints(1_000_000, 0, LETTERS.length()).toArray();
    IntList out = new IntList(8);
    new MergeRun(model.merges, symbols.clone()).appendTo(out);
    int letters = 0;
    for (int id : out.toArray()) {
      letters += model.tokens.get(id).length();
    }
    assertEquals(symbols.length, letters);
  }
}
