package rondo.data.rows;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;
import rondo.data.DataException;
import rondo.data.DocumentSource;

class BatchesTest {
  private static final Packing PACKING =
      new Packing(2, 10_000, Optional.empty(), Packing.Special.NONE, false);

  /** Rows {first, first, first}, {first + 1, …}, … */
  private static DocumentSource source(int first, int count) {
    int[][] rows = new int[count][];
    for (int i = 0; i < count; i++) {
      rows[i] = new int[] {first + i, first + i, first + i};
    }
    return PackingTest.rows(rows);
  }

  private static RowTable table(int first, int count) {
    return RowTable.read(source(first, count), PACKING);
  }

  private static List<Integer> draw(Mixture mixture, int count) {
    List<Integer> drawn = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      drawn.add(mixture.next()[0]);
    }
    return drawn;
  }

  private static Mixture inOrder(int count) {
    return Mixture.of(RowCycle.inOrder(table(0, count), "t", Rank.ONLY));
  }

  private static Mixture shuffled(int count, long seed) {
    return Mixture.of(RowCycle.shuffled(table(0, count), "t", seed, Rank.ONLY));
  }

  private static Mixture mixed(long seed) {
    return new Mixture(
        List.of(
            new Mixture.Part(RowCycle.shuffled(table(0, 7), "a", seed, Rank.ONLY), 1),
            new Mixture.Part(RowCycle.inOrder(table(100, 5), "b", Rank.ONLY), 3),
            new Mixture.Part(RowCycle.streaming(source(200, 3), PACKING, Rank.ONLY), 0.5)),
        seed);
  }

  @Test
  void fileOrderIsKeptAndBeginsAgain() {
    assertEquals(List.of(0, 1, 2, 0, 1, 2, 0), draw(inOrder(3), 7));
    Mixture streamed = Mixture.of(RowCycle.streaming(source(0, 3), PACKING, Rank.ONLY));
    assertEquals(List.of(0, 1, 2, 0, 1, 2, 0), draw(streamed, 7));
  }

  @Test
  void aShuffledPassHasEveryRowOnceAndEachPassItsOwnOrder() {
    long seed = 4;
    Mixture mixture = shuffled(50, seed);
    List<Integer> first = draw(mixture, 50);
    List<Integer> second = draw(mixture, 50);
    assertEquals(50, new TreeSet<>(first).size(), "seed " + seed);
    assertEquals(50, new TreeSet<>(second).size(), "seed " + seed);
    assertNotEquals(first, second, "seed " + seed);
    assertEquals(first, draw(shuffled(50, seed), 50));
    assertNotEquals(first, draw(shuffled(50, seed + 1), 50));
  }

  @Test
  void theOrderOfASeedNeverChanges() {
    // Written down once: a run must find its rows again in any later version.
    assertArrayEquals(PINNED, Draw.permutation(8, 42, 0));
  }

  private static final int[] PINNED = {4, 5, 2, 0, 6, 7, 3, 1};

  @Test
  void aPermutationIsUniform() {
    int[] seen = new int[6];
    long seeds = 6000;
    for (long seed = 0; seed < seeds; seed++) {
      int[] order = Draw.permutation(3, seed, 1);
      seen[2 * order[0] + (order[1] < order[2] ? 0 : 1)]++;
    }
    for (int count : seen) {
      assertTrue(Math.abs(count - 1000) < 150, "a sixth of 6000: " + count);
    }
  }

  @Test
  void aMixtureDrawsByWeight() {
    long seed = 9;
    Mixture mixture = mixed(seed);
    int[] counts = new int[3];
    for (int row : draw(mixture, 9000)) {
      counts[row / 100]++;
    }
    assertTrue(Math.abs(counts[0] - 2000) < 200, "seed " + seed + ": " + counts[0]);
    assertTrue(Math.abs(counts[1] - 6000) < 200, "seed " + seed + ": " + counts[1]);
    assertTrue(Math.abs(counts[2] - 1000) < 150, "seed " + seed + ": " + counts[2]);
  }

  @Test
  void aCursorBringsBackExactlyWhatFollowed() {
    long seed = 13;
    for (int before = 0; before < 40; before++) {
      Mixture mixture = mixed(seed);
      draw(mixture, before);
      Cursor cursor = Cursor.of(mixture.cursor().toLongs());
      assertEquals(mixture.cursor(), cursor);
      List<Integer> expected = draw(mixture, 40);
      Mixture fresh = mixed(seed);
      fresh.seek(cursor);
      assertEquals(cursor, fresh.cursor());
      assertEquals(expected, draw(fresh, 40), "seed " + seed + " before " + before);
      mixture.seek(cursor); // backwards, too
      assertEquals(expected, draw(mixture, 40), "seed " + seed + " before " + before);
    }
  }

  @Test
  void aCursorOfOtherDataIsRefused() {
    Cursor cursor = shuffled(5, 1).cursor();
    assertThrows(DataException.class, () -> shuffled(6, 1).seek(cursor));
    Mixture streamed = Mixture.of(RowCycle.streaming(source(0, 3), PACKING, Rank.ONLY));
    Cursor far = new Cursor(9, 1, List.of(new Cursor.Position(0, 9, -1)));
    var error = assertThrows(DataException.class, () -> streamed.seek(far));
    assertTrue(String.valueOf(error.getMessage()).contains("at row 9: there are 3 rows"));
    assertThrows(IllegalArgumentException.class, () -> mixed(1).seek(cursor));
    assertThrows(IllegalArgumentException.class, () -> Cursor.of(new long[] {1, 2, 3}));
  }

  private static Mixture shared(Rank rank, long seed) {
    return new Mixture(
        List.of(
            new Mixture.Part(RowCycle.shuffled(table(0, 17), "a", seed, rank), 1),
            new Mixture.Part(RowCycle.inOrder(table(100, 11), "b", rank), 3),
            new Mixture.Part(RowCycle.streaming(source(200, 7), PACKING, rank), 0.5)),
        seed);
  }

  /** Ranks take the same number of steps, so one of them writes the cursor of all. */
  @Test
  void aCursorIsThatOfEveryRankAndOfNoOtherNumberOfRanks() {
    long seed = 31;
    for (int before : new int[] {0, 5, 23}) {
      var first = shared(new Rank(0, 3), seed);
      var second = shared(new Rank(1, 3), seed);
      draw(first, before);
      draw(second, before);
      var cursor = Cursor.of(first.cursor().toLongs());
      assertEquals(3, cursor.ranks());
      assertEquals(cursor, second.cursor());
      var fresh = shared(new Rank(1, 3), seed);
      fresh.seek(cursor);
      assertEquals(draw(second, 30), draw(fresh, 30), "seed " + seed + " before " + before);
      for (var rank : List.of(Rank.ONLY, new Rank(1, 2), new Rank(1, 4))) {
        var other = shared(rank, seed);
        var error = assertThrows(IllegalArgumentException.class, () -> other.seek(cursor));
        assertTrue(
            String.valueOf(error.getMessage())
                .startsWith("a cursor of 3 ranks for data shared by " + rank.ranks() + ": "),
            error.toString());
      }
    }
  }

  @Test
  void aCursorWithoutRanksIsOfOneProcess() {
    assertEquals(
        new Cursor(9, 1, List.of(new Cursor.Position(1, 2, 3))),
        Cursor.of(new long[] {9, 1, 2, 3}));
  }

  @Test
  void partsAreOfOneRank() {
    var one = new Mixture.Part(RowCycle.inOrder(table(0, 4), "a", new Rank(0, 2)), 1);
    var other = new Mixture.Part(RowCycle.inOrder(table(0, 4), "b", new Rank(1, 2)), 1);
    var error =
        assertThrows(IllegalArgumentException.class, () -> new Mixture(List.of(one, other), 1));
    assertTrue(String.valueOf(error.getMessage()).startsWith("b: "), error.toString());
  }

  @Test
  void aStreamThatIsEmptyOrBeginsBrokenIsAnErrorBeforeItsFirstRowIsAskedFor() {
    DocumentSource empty = DocumentSource.of(List.of());
    assertThrows(DataException.class, () -> RowCycle.streaming(empty, PACKING, Rank.ONLY));
    DocumentSource broken = PackingTest.rows(new int[] {1, 10_000});
    assertThrows(DataException.class, () -> RowCycle.streaming(broken, PACKING, Rank.ONLY));
  }

  @Test
  void whatFitsNoTableIsTakenAsAStream() {
    // 2^20 ids a row, all of them the same array: 512 rows are more than a table takes.
    int[] row = new int[1 << 20];
    int[][] rows = new int[513][];
    Arrays.fill(rows, row);
    rows[1] = new int[] {7, 7};
    Packing packing = new Packing(row.length, 10, Optional.empty(), Packing.Special.NONE, false);
    var error =
        assertThrows(DataException.class, () -> RowTable.read(PackingTest.rows(rows), packing));
    assertTrue(String.valueOf(error.getMessage()).endsWith("use shuffle: false"));
    RowCycle streamed = RowCycle.streaming(PackingTest.rows(rows), packing, Rank.ONLY);
    assertEquals(0, streamed.next()[0]);
    assertEquals(7, streamed.next()[0]);
  }

  @Test
  void weightsMustBePositive() {
    RowCycle rows = RowCycle.inOrder(table(0, 1), "t", Rank.ONLY);
    for (double weight : new double[] {0, -1, Double.NaN, Double.POSITIVE_INFINITY}) {
      assertThrows(IllegalArgumentException.class, () -> new Mixture.Part(rows, weight));
    }
  }

  @Test
  void batchesAreFilledRowAfterRowAndGoOnFromACursor() {
    BatchShape shape = new BatchShape(2, 2);
    int[] tokens = new int[4];
    int[] targets = new int[4];
    try (Batches batches = new Batches(inOrder(3), shape)) {
      assertEquals(4, batches.next(tokens, targets));
      assertArrayEquals(new int[] {0, 0, 1, 1}, tokens);
      Cursor cursor = batches.cursor();
      batches.next(tokens, targets);
      assertArrayEquals(new int[] {2, 2, 0, 0}, targets);
      batches.seek(cursor);
      batches.next(tokens, targets);
      assertArrayEquals(new int[] {2, 2, 0, 0}, tokens);
      assertThrows(IllegalArgumentException.class, () -> batches.next(new int[3], new int[4]));
    }
  }
}
