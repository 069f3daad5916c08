package rondo.data.rows;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.TreeSet;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import rondo.data.DataException;
import rondo.data.DocumentSource;
import rondo.data.PackedRows;
import rondo.data.ParquetWriter;

class ShardCycleTest {
  private static final Packing PACKING =
      new Packing(2, 100_000, Optional.empty(), Packing.Special.NONE, false);

  @TempDir Path folder;

  /** Files of rows {i, i, i}, numbered over all of them. */
  private PackedRows files(int blockRows, int... counts) {
    int first = 0;
    try (var writer = new ParquetWriter(folder)) {
      for (int file = 0; file < counts.length; file++) {
        for (int i = 0; i < counts[file]; i++, first++) {
          writer.add(new int[] {first, first, first});
        }
        writer.write(folder.resolve("%d.parquet".formatted(file)));
      }
    }
    return PackedRows.find(folder, blockRows).orElseThrow();
  }

  private static List<Integer> draw(RowCycle rows, int count) {
    return IntStream.range(0, count).mapToObj(i -> rows.next()[0]).toList();
  }

  @Test
  void everyPassHasEveryRowOnceInAnOrderOfItsOwn() {
    var source = files(5, 23, 9, 40);
    assertEquals(72, source.rows());
    assertEquals(5 + 2 + 8, source.blocks().size());
    long seed = 3;
    try (var rows = RowCycle.shards(source, PACKING, seed, Rank.ONLY);
        var same = RowCycle.shards(source, PACKING, seed, Rank.ONLY);
        var other = RowCycle.shards(source, PACKING, seed + 1, Rank.ONLY)) {
      var first = draw(rows, 72);
      var second = draw(rows, 72);
      assertEquals(72, new TreeSet<>(first).size(), "seed " + seed);
      assertEquals(72, new TreeSet<>(second).size(), "seed " + seed);
      assertNotEquals(first, second, "seed " + seed);
      assertEquals(first, draw(same, 72));
      assertNotEquals(first, draw(other, 72));
      // A window of 4 blocks of 5 rows mixes rows from far apart.
      var window = new TreeSet<>(first.subList(0, 20));
      assertTrue(window.last() - window.first() > 20, window.toString());
      assertEquals(new Cursor.Position(1, 72, 72), rows.position());
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 3})
  void aCursorBringsBackExactlyWhatFollowed(int ranks) {
    var source = files(3, 17, 8);
    long seed = 8;
    var rank = new Rank(ranks - 1, ranks);
    try (var rows = RowCycle.shards(source, PACKING, seed, rank);
        var fresh = RowCycle.shards(source, PACKING, seed, rank)) {
      for (int before = 0; before < 26; before += 5) {
        var position = rows.position();
        var expected = draw(rows, 20);
        fresh.seek(position);
        assertEquals(position, fresh.position());
        assertEquals(expected, draw(fresh, 20), "seed " + seed + " before " + before);
        rows.seek(position);
        draw(rows, 5);
      }
    }
  }

  @Test
  void aSeekReadsNothingOfTheWindowsBefore() throws IOException {
    var source = files(2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2); // three windows of four files
    var rows = RowCycle.shards(source, PACKING, 1, Rank.ONLY);
    var all = draw(rows, 24);
    rows.close();
    for (int row : all.subList(0, 8)) {
      Files.deleteIfExists(folder.resolve(row / 2 + ".parquet"));
    }
    rows.seek(new Cursor.Position(0, 11, 24));
    assertEquals(all.subList(11, 16), draw(rows, 5));
    rows.close();
    rows.seek(new Cursor.Position(0, 5, 24));
    assertThrows(DataException.class, rows::next);
    rows.close();
  }

  @Test
  void ranksNeverSeeTheSameRowOfAPassAndSeeEquallyMany() {
    var source = files(3, 17, 8, 4);
    var table =
        RowTable.read(
            DocumentSource.of(folder),
            new Packing(2, 100, Optional.empty(), Packing.Special.NONE, false));
    long seed = 5;
    int ranks = 3;
    for (int kind = 0; kind < 4; kind++) {
      var seen = new TreeSet<Integer>();
      int size = 0;
      for (int r = 0; r < ranks; r++) {
        var rank = new Rank(r, ranks);
        var rows =
            switch (kind) {
              case 0 -> RowCycle.shards(source, PACKING, seed, rank);
              case 1 -> RowCycle.shuffled(table, "t", seed, rank);
              case 2 -> RowCycle.inOrder(table, "t", rank);
              default -> RowCycle.streaming(DocumentSource.of(folder), PACKING, rank);
            };
        try (rows) {
          int count = 0;
          while (true) {
            int row = rows.next()[0];
            if (rows.position().epoch() > 0) {
              break;
            }
            assertTrue(seen.add(row), "kind " + kind + " rank " + r + " row " + row);
            count++;
          }
          assertEquals(r == 0 ? count : size, count, "kind " + kind);
          size = count;
        }
      }
      assertEquals(kind == 0 ? seen.size() : 27, seen.size(), "kind " + kind);
      assertTrue(seen.size() >= 21, "kind " + kind + ": " + seen.size() + " of 29");
    }
  }

  @Test
  void ranksThatAreTooManyAreTold() {
    var source = files(3, 2);
    var table = RowTable.read(DocumentSource.of(folder), PACKING);
    var rank = new Rank(0, 3);
    for (var error :
        List.of(
            assertThrows(DataException.class, () -> RowCycle.shards(source, PACKING, 1, rank)),
            assertThrows(DataException.class, () -> RowCycle.inOrder(table, "t", rank)),
            assertThrows(
                DataException.class,
                () -> RowCycle.streaming(DocumentSource.of(folder), PACKING, rank).next()))) {
      assertTrue(
          String.valueOf(error.getMessage()).contains("2 rows for 3 ranks"), error.toString());
    }
    assertThrows(IllegalArgumentException.class, () -> new Rank(3, 3));
  }

  @Test
  void otherDataIsRefusedAndBrokenRowsAreNamed() throws Exception {
    var source = files(4, 10);
    var rows = RowCycle.shards(source, PACKING, 1, Rank.ONLY);
    assertThrows(DataException.class, () -> rows.seek(new Cursor.Position(0, 0, 9)));
    assertThrows(DataException.class, () -> rows.seek(new Cursor.Position(0, 11, 10)));
    var narrow = new Packing(2, 7, Optional.empty(), Packing.Special.NONE, false);
    var outside = RowCycle.shards(source, narrow, 1, Rank.ONLY);
    var error = assertThrows(DataException.class, () -> draw(outside, 10));
    var said = String.valueOf(error.getMessage());
    assertTrue(
        said.matches(".*0\\.parquet row (8|9|10): input_ids\\[0\\] is [789], outside.*"), said);
    var shortRows = new Packing(1, 100, Optional.empty(), Packing.Special.NONE, false);
    var longer = RowCycle.shards(source, shortRows, 1, Rank.ONLY);
    var ragged = assertThrows(DataException.class, () -> draw(longer, 10));
    assertTrue(String.valueOf(ragged.getMessage()).contains("a packed row of 3 ids"));
    outside.close();
    longer.close();
    Files.write(folder.resolve("1.parquet"), new byte[] {1, 2, 3});
    var broken = assertThrows(DataException.class, () -> PackedRows.find(folder, 4));
    assertTrue(String.valueOf(broken.getMessage()).contains("1.parquet: not a readable Parquet"));
  }

  @Test
  void rowsThatPredictNothingAreLeftOut() {
    try (var writer = new ParquetWriter(folder)) {
      for (int i = 0; i < 6; i++) {
        writer.add(i % 2 == 0 ? new int[] {i, i} : new int[] {i});
      }
      writer.write(folder.resolve("a.parquet"));
      writer.add(new int[] {1});
      writer.write(folder.resolve("none.parquet"));
    }
    var some = PackedRows.find(folder.resolve("a.parquet"), 2).orElseThrow();
    try (var rows = RowCycle.shards(some, PACKING, 1, Rank.ONLY)) {
      assertEquals(new TreeSet<>(List.of(0, 2, 4)), new TreeSet<>(draw(rows, 3)));
    }
    var none = PackedRows.find(folder.resolve("none.parquet"), 2).orElseThrow();
    var rows = RowCycle.shards(none, PACKING, 1, Rank.ONLY);
    assertThrows(DataException.class, rows::next);
    rows.close();
  }

  @Test
  void onlyParquetFilesOfIdsArePacked() throws IOException {
    var text = Files.writeString(folder.resolve("a.txt"), "text");
    assertFalse(PackedRows.find(text, 4).isPresent());
    assertFalse(PackedRows.find(Files.createDirectory(folder.resolve("empty")), 4).isPresent());
  }

  @Test
  void batchesMadeAheadAreTheSameAndSoIsTheirCursor() {
    var source = files(3, 17, 8);
    var shape = new BatchShape(2, 2);
    long seed = 4;
    try (var plain = new Batches(mixture(source, seed), shape);
        var ready = new ReadyBatches(new Batches(mixture(source, seed), shape), 3)) {
      var expected = new ArrayList<int[]>();
      var cursors = new ArrayList<Cursor>();
      int[] tokens = new int[4];
      int[] targets = new int[4];
      for (int i = 0; i < 40; i++) {
        cursors.add(plain.cursor());
        plain.next(tokens, targets);
        expected.add(tokens.clone());
      }
      for (int i = 0; i < 40; i++) {
        assertEquals(cursors.get(i), ready.cursor(), "batch " + i);
        assertEquals(4, ready.next(tokens, targets));
        assertArrayEquals(expected.get(i), tokens, "batch " + i);
        assertArrayEquals(tokens, targets);
      }
      ready.seek(cursors.get(11));
      assertEquals(cursors.get(11), ready.cursor());
      ready.next(tokens, targets);
      assertArrayEquals(expected.get(11), tokens);
    }
  }

  private static Mixture mixture(PackedRows source, long seed) {
    return new Mixture(
        List.of(
            new Mixture.Part(RowCycle.shards(source, PACKING, seed, Rank.ONLY), 2),
            new Mixture.Part(RowCycle.shards(source, PACKING, seed + 1, Rank.ONLY), 1)),
        seed);
  }

  @Test
  void aFailureIsToldByTheBatchItStandsInTheWayOfAndByAllAfterIt() {
    var documents = new int[][] {{1, 1, 1}, {2, 2, 2}, {3, 3, 3}, {4, 100_000, 4}};
    var rows = RowCycle.streaming(PackingTest.rows(documents), PACKING, Rank.ONLY);
    int[] ids = new int[2];
    try (var ready = new ReadyBatches(new Batches(Mixture.of(rows), new BatchShape(1, 2)), 8)) {
      for (int i = 0; i < 3; i++) {
        ready.next(ids, new int[2]);
        assertEquals(i + 1, ids[0]);
      }
      for (int i = 0; i < 2; i++) {
        var error = assertThrows(DataException.class, () -> ready.next(ids, new int[2]));
        assertTrue(String.valueOf(error.getMessage()).contains("row 4"));
      }
      assertEquals(3, ready.cursor().drawn());
    }
    assertThrows(
        IllegalArgumentException.class,
        () -> new ReadyBatches(new Batches(Mixture.of(rows), new BatchShape(1, 2)), 0));
  }

  @Test
  void closingEndsTheThread() {
    long before = threads();
    var rows = RowCycle.streaming(PackingTest.rows(new int[][] {{1, 1, 1}}), PACKING, Rank.ONLY);
    var ready = new ReadyBatches(new Batches(Mixture.of(rows), new BatchShape(1, 2)), 2);
    ready.next(new int[2], new int[2]);
    assertEquals(before + 1, threads());
    ready.close();
    assertEquals(before, threads());
  }

  private static long threads() {
    return Thread.getAllStackTraces().keySet().stream()
        .filter(thread -> thread.getName().equals("batches"))
        .count();
  }
}
