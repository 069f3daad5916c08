package rondo.data.rows;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import rondo.data.DataException;
import rondo.data.Document;
import rondo.data.DocumentSource;
import rondo.data.rows.Packing.Special;
import rondo.data.tokenizer.ByteTokenizer;
import rondo.data.tokenizer.SpecialIds;

class PackingTest {
  private static final int BOS = ByteTokenizer.BOS;
  private static final int EOS = ByteTokenizer.EOS;

  static DocumentSource texts(String... texts) {
    List<Document> documents = new ArrayList<>();
    for (String text : texts) {
      documents.add(new Document.Text(text, where(documents.size() + 1)));
    }
    return DocumentSource.of(documents);
  }

  static DocumentSource rows(int[]... rows) {
    List<Document> documents = new ArrayList<>();
    for (int[] row : rows) {
      documents.add(new Document.Tokens(row, where(documents.size() + 1)));
    }
    return DocumentSource.of(documents);
  }

  private static Document.Location where(int number) {
    return new Document.Location(Path.of("f"), "row", number);
  }

  private static Packing packing(int sequenceLength, Special special, boolean keepLast) {
    return new Packing(sequenceLength, 258, Optional.of(new ByteTokenizer()), special, keepLast);
  }

  private static int[][] pack(Packing packing, DocumentSource source) {
    List<int[]> rows = new ArrayList<>();
    try (RowReader reader = packing.open(source)) {
      int @Nullable [] row;
      while ((row = reader.next()) != null) {
        rows.add(row);
      }
    }
    return rows.toArray(int[][]::new);
  }

  private static void assertRows(int[][] expected, int[][] actual) {
    assertEquals(Arrays.deepToString(expected), Arrays.deepToString(actual));
  }

  @Test
  void textIsOneStreamCutIntoDisjointRows() {
    int[][] expected = {{BOS, 'a', 'b', 'c'}, {'d', BOS, 'e', BOS}};
    assertRows(expected, pack(packing(3, Special.BOS, false), texts("abcd", "e", "fg")));
  }

  @Test
  void theLastShortRowIsKeptForEvaluation() {
    int[][] expected = {{BOS, 'a', 'b', 'c'}, {'d', BOS, 'e', BOS}, {'f', 'g'}};
    Packing packing = Packing.evaluation(3, 258, Optional.of(new ByteTokenizer()));
    assertRows(expected, pack(packing, texts("abcd", "e", "fg")));
    // A rest of one token predicts nothing.
    assertRows(new int[][] {{BOS, 'a', 'b', 'c'}}, pack(packing, texts("abcd")));
  }

  @Test
  void trainingPutsBosInFrontAndEosBehindEachText() {
    int[][] expected = {{BOS, 'a', EOS}, {BOS, 'b', EOS}};
    Packing packing = Packing.training(2, 258, Optional.of(new ByteTokenizer()));
    assertRows(expected, pack(packing, texts("a", "b", "")));
    assertRows(new int[][] {{'a', 'b', 'c'}}, pack(packing(2, Special.NONE, false), texts("abcd")));
  }

  @Test
  void packedRowsAreUsedAsTheyAre() {
    Packing packing = new Packing(3, 100, Optional.empty(), Special.BOS, false);
    int[][] rows = {{1, 2, 3, 4}, {5, 6}, {99, 0, 1, 2}};
    assertRows(rows, pack(packing, rows(rows)));
    assertRows(
        new int[][] {{5, 6}}, pack(packing, rows(new int[] {1}, new int[] {5, 6}, new int[0])));
  }

  @Test
  void wrongRowsAreNamedWithTheirNumber() {
    Packing packing = new Packing(3, 100, Optional.empty(), Special.BOS, false);
    int[] good = {1, 2};
    assertSaid("f row 2: a packed row of 5 ids", packing, rows(good, new int[] {1, 2, 3, 4, 5}));
    assertSaid("f row 2: input_ids[1] is 100", packing, rows(good, new int[] {1, 100}));
    assertSaid("f row 1: input_ids[0] is 100", packing, rows(new int[] {~100, 2}));
    assertSaid("data.tokenizer (recipe) or --tokenizer (rondo loss)", packing, texts("abc"));
    Packing small = new Packing(3, 98, Optional.of(new ByteTokenizer()), Special.NONE, false);
    assertSaid("f row 1: tokenizer bytes has 258 tokens, more than", small, texts("abc"));
  }

  @Test
  void aTokenizerWithOtherSpecialTokensThanTheModelsIsRefused() {
    Packing any = packing(3, Special.BOS, true);
    var eos = List.of(EOS, 3);
    for (var fits :
        List.of(
            SpecialIds.NONE,
            new SpecialIds(OptionalInt.of(BOS), eos),
            new SpecialIds(OptionalInt.empty(), eos),
            new SpecialIds(OptionalInt.of(BOS), List.of()))) {
      assertEquals(1, pack(any.with(fits), texts("abc")).length, fits.toString());
    }
    var begins = any.with(new SpecialIds(OptionalInt.of(1), eos));
    assertSaid("f row 1: tokenizer bytes has BOS 256 where the model has 1:", begins, texts("abc"));
    var ends = any.with(new SpecialIds(OptionalInt.of(BOS), List.of(2, 3)));
    assertSaid("has EOS 257 where the model has [2, 3]:", ends, texts("abc"));
    assertEquals(1, pack(begins, rows(new int[] {1, 2, 3, 4})).length, "ids need no tokenizer");
  }

  private static void assertSaid(String part, Packing packing, DocumentSource source) {
    var error = assertThrows(DataException.class, () -> pack(packing, source));
    String said = String.valueOf(error.getMessage());
    assertTrue(said.contains(part), said);
    assertEquals(1, said.lines().count(), said);
  }

  @Test
  void aTableOfNoRowsIsAnErrorAndOneOfSomeCountsWhatItPredicts() {
    Packing packing = packing(3, Special.BOS, false);
    assertThrows(DataException.class, () -> RowTable.read(texts("ab"), packing));
    assertThrows(DataException.class, () -> RowTable.read(texts(), packing));
    RowTable table = RowTable.read(rows(new int[] {1, 2, 3, 4}, new int[] {5, 6}), packing);
    assertEquals(2, table.size());
    assertEquals(4, table.predicted());
    assertEquals(1, RowTable.read(texts("abcdefghijkl"), packing, 1).size());
  }

  @Test
  void aBatchHoldsInputsAndTheirTargets() {
    BatchShape shape = new BatchShape(2, 3);
    int[] tokens = new int[6];
    int[] targets = new int[6];
    RowTable table =
        RowTable.read(
            rows(new int[] {1, 2, 3, 4}, new int[] {5, 6}, new int[] {7, 8, 9, 10}),
            packing(3, Special.NONE, false));
    try (EvaluationBatches batches = new EvaluationBatches(table.open(), shape, 100)) {
      assertEquals(2, batches.next(tokens, targets));
      assertArrayEquals(new int[] {1, 2, 3, 5, 0, 0}, tokens);
      assertArrayEquals(new int[] {2, 3, 4, 6, -100, -100}, targets);
      assertEquals(1, batches.next(tokens, targets));
      assertArrayEquals(new int[] {7, 8, 9, 0, 0, 0}, tokens);
      assertArrayEquals(new int[] {8, 9, 10, -100, -100, -100}, targets);
      assertEquals(0, batches.next(tokens, targets));
      assertEquals(3, batches.rows());
    }
    try (EvaluationBatches batches = new EvaluationBatches(table.open(), shape, 1)) {
      assertEquals(1, batches.next(tokens, targets));
      assertEquals(0, batches.next(tokens, targets));
    }
  }
}
