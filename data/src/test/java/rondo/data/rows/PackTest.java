package rondo.data.rows;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import rondo.data.DataException;
import rondo.data.DocumentSource;
import rondo.data.tokenizer.ByteTokenizer;
import rondo.data.tokenizer.SpecialIds;
import tools.jackson.databind.ObjectMapper;

class PackTest {
  private static final int BOS = ByteTokenizer.BOS;
  private static final int EOS = ByteTokenizer.EOS;

  @TempDir Path folder;

  private static Pack pack(int length, RowRule rule, int rowsPerShard, double held, int shuffled) {
    return new Pack(
        new ByteTokenizer(),
        258,
        SpecialIds.NONE,
        length,
        rule,
        rowsPerShard,
        held,
        shuffled,
        5,
        /* threads= */ 2,
        Optional.empty());
  }

  private static Pack with(Pack p, int threads, long seed) {
    return new Pack(
        p.tokenizer(),
        p.vocabularySize(),
        p.model(),
        p.sequenceLength(),
        p.rule(),
        p.rowsPerShard(),
        p.validationFraction(),
        p.shuffled(),
        seed,
        threads,
        p.chat());
  }

  /** The rows of a folder's own files, as training reads them. */
  private static int[][] rows(Path packed, int length) {
    var packing = Packing.training(length, 258, Optional.empty());
    List<int[]> rows = new ArrayList<>();
    try (RowReader reader = packing.open(DocumentSource.of(packed))) {
      int @Nullable [] row;
      while ((row = reader.next()) != null) {
        rows.add(row);
      }
    }
    return rows.toArray(int[][]::new);
  }

  private int[][] packed(Pack pack, DocumentSource source, String name) {
    pack.into(folder.resolve(name), source, now -> {});
    return rows(folder.resolve(name), pack.sequenceLength());
  }

  private static String[] randomTexts(int count, int longest, long seed) {
    var random = new Random(seed);
    var texts = new String[count];
    for (int i = 0; i < count; i++) {
      var text = new StringBuilder();
      int length = random.nextInt(longest);
      for (int c = 0; c < length; c++) {
        text.append((char) ('!' + random.nextInt(90)));
      }
      texts[i] = text.toString();
    }
    return texts;
  }

  @Test
  void wrappedRowsAreThoseThatTrainingMakesOfTheText() {
    long seed = 11;
    var source = PackingTest.texts(randomTexts(300, 200, seed));
    var packing = Packing.training(16, 258, Optional.of(new ByteTokenizer()));
    var table = RowTable.read(source, packing);
    int[][] rows = packed(pack(16, RowRule.WRAPPED, 100, 0, 0), source, "out");
    assertEquals(table.size(), rows.length, "seed " + seed);
    for (int i = 0; i < rows.length; i++) {
      assertArrayEquals(table.row(i), rows[i], "seed " + seed + " row " + i);
    }
  }

  @Test
  void rowsOfTheDocumentRuleBeginWhereADocumentDoes() throws IOException {
    var source = PackingTest.texts("abcdef", "gh", "ijk", "l", "mnopqrstu", "v");
    int[][] expected = {
      {BOS, 'a', 'b', 'c', 'd'}, // e, f, EOS are discarded
      {BOS, 'g', 'h', EOS, BOS}, // i, j, k, EOS
      {BOS, 'l', EOS, BOS, 'm'}, // n to u, EOS
    };
    var pack = pack(4, RowRule.DOCUMENT, 100, 0, 0);
    var end = pack.into(folder.resolve("out"), source, now -> {});
    assertEquals(
        Arrays.deepToString(expected), Arrays.deepToString(rows(folder.resolve("out"), 4)));
    assertEquals(3 + 4 + 9 + 3, end.discarded());
    assertEquals(6, end.documents());
    assertEquals(3 * 5 + end.discarded(), end.tokens());
    var json = new ObjectMapper().readTree(Files.readString(folder.resolve("out/pack.json")));
    assertEquals("document", json.path("rule").asString());
    assertEquals(3, json.path("rows").asInt());
    assertEquals(BOS, json.path("bos").asInt());
  }

  @Test
  void rowsDoNotDependOnTheNumberOfThreads() {
    long seed = 21;
    var texts = randomTexts(600, 3000, seed); // several chunks of 64 KiB
    texts[7] = "x".repeat(200_000);
    texts[8] = "";
    var source = PackingTest.texts(texts);
    for (var rule : RowRule.values()) {
      var pack = pack(32, rule, 10_000, 0, 50);
      int[][] one = packed(with(pack, 1, 5), source, rule + "1");
      for (int threads : new int[] {2, 5}) {
        int[][] several = packed(with(pack, threads, 5), source, rule + "" + threads);
        assertEquals(Arrays.deepToString(one), Arrays.deepToString(several), "seed " + seed);
      }
    }
  }

  @Test
  void shardsHoldSoManyRowsAtMostAndKeepTheirOrder() throws IOException {
    var source = PackingTest.texts("abcdefghijklmnopqrstu");
    var end = pack(2, RowRule.WRAPPED, 3, 0, 0).into(folder.resolve("out"), source, now -> {});
    assertEquals(7, end.rows());
    assertEquals(3, end.shards());
    try (var files = Files.list(folder.resolve("out"))) {
      assertEquals(
          List.of("00000.parquet", "00001.parquet", "00002.parquet", "pack.json"),
          files.map(f -> f.getFileName().toString()).sorted().toList());
    }
    int[][] rows = rows(folder.resolve("out"), 2);
    assertEquals(7, rows.length);
    assertArrayEquals(new int[] {BOS, 'a', 'b'}, rows[0]);
    assertArrayEquals(new int[] {'r', 's', 't'}, Arrays.copyOf(rows[6], 3));
    assertEquals(3, rows(folder.resolve("out/00001.parquet"), 2).length);
  }

  @Test
  void documentsAreHeldOutWhole() {
    // Document i is the letter of i, three times: with T = 4 each is one row of its own.
    var texts = new String[500];
    for (int i = 0; i < texts.length; i++) {
      texts[i] = String.valueOf((char) ('\u4e00' + i)); // three bytes
    }
    var source = PackingTest.texts(texts);
    var pack = pack(4, RowRule.WRAPPED, 1000, 0.2, 0);
    var end = pack.into(folder.resolve("out"), source, now -> {});
    int[][] train = rows(folder.resolve("out"), 4);
    int[][] held = rows(folder.resolve("out/validation"), 4);
    assertEquals(500, train.length + held.length);
    assertEquals(end.validationRows(), held.length);
    assertTrue(Math.abs(held.length - 100) < 40, "of 500: " + held.length);
    var seen = new TreeSet<String>();
    for (int[] row : train) {
      seen.add(Arrays.toString(row));
    }
    for (int[] row : held) {
      assertTrue(seen.add(Arrays.toString(row)), Arrays.toString(row));
    }
    var other = with(pack, 2, 6).into(folder.resolve("other"), source, now -> {});
    assertNotEquals(
        Arrays.deepToString(held),
        Arrays.deepToString(rows(folder.resolve("other/validation"), 4)));
    assertEquals(500, other.documents());
  }

  @Test
  void aShuffleStaysWithinItsBlocksAndFollowsTheSeed() {
    var texts = new String[12];
    for (int i = 0; i < texts.length; i++) {
      texts[i] = String.valueOf((char) ('a' + i));
    }
    var source = PackingTest.texts(texts);
    var pack = pack(2, RowRule.WRAPPED, 1000, 0, 6);
    int[][] rows = packed(pack, source, "a");
    var first = new TreeSet<Integer>();
    for (int i = 0; i < 6; i++) {
      first.add(rows[i][1]);
    }
    assertEquals(new TreeSet<>(List.of(97, 98, 99, 100, 101, 102)), first);
    assertEquals(12, rows.length);
    assertNotEquals(97 + 98 * 128, rows[0][1] + rows[1][1] * 128);
    assertEquals(Arrays.deepToString(rows), Arrays.deepToString(packed(pack, source, "b")));
    assertNotEquals(
        Arrays.deepToString(rows), Arrays.deepToString(packed(with(pack, 2, 6), source, "c")));
  }

  @Test
  void documentsOfIdsArePackedAsTheyAre() {
    var source = PackingTest.rows(new int[] {1, 2, 3, 4}, new int[] {5}, new int[] {6});
    int[][] expected = {{1, 2, 3}, {4, 5, 6}};
    int[][] rows = packed(pack(2, RowRule.WRAPPED, 9, 0, 0), source, "out");
    assertEquals(Arrays.deepToString(expected), Arrays.deepToString(rows));
  }

  @Test
  void textIsStrippedAsPythonDoes() {
    String spaces =
        " \t\n\r\u000b\f\u001c\u001d\u001e\u001f\u0085\u00a0\u1680\u2007\u2028\u202f\u3000";
    assertEquals("a b", DocumentIds.strip(spaces + "a b" + spaces));
    assertEquals("", DocumentIds.strip(spaces));
    assertEquals("\u200bx\ufeff", DocumentIds.strip("\u200bx\ufeff ")); // no white space there
  }

  @Test
  void whatFailsLeavesNothingBehind() throws IOException {
    var broken = PackingTest.rows(new int[] {1, 2, 3}, new int[] {4, 300});
    var out = folder.resolve("out");
    var pack = pack(1, RowRule.WRAPPED, 1, 0, 0);
    var error = assertThrows(DataException.class, () -> pack.into(out, broken, now -> {}));
    assertTrue(String.valueOf(error.getMessage()).contains("f row 2: input_ids[1] is 300"));
    var little = PackingTest.texts("a");
    var none =
        assertThrows(
            DataException.class,
            () -> pack(9, RowRule.WRAPPED, 1, 0, 0).into(out, little, now -> {}));
    assertTrue(String.valueOf(none.getMessage()).contains("not one row"));
    try (var left = Files.list(folder)) {
      assertEquals(List.of(), left.toList());
    }
    Files.writeString(out, "a file");
    assertThrows(
        UncheckedIOException.class, () -> pack.into(out, PackingTest.texts("abc"), n -> {}));
    assertEquals("a file", Files.readString(out));
    assertFalse(Files.exists(folder.resolve(".out.tmp")));
  }
}
