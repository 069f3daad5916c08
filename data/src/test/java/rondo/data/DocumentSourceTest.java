package rondo.data;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.github.luben.zstd.Zstd;
import com.github.luben.zstd.ZstdOutputStream;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.zip.GZIPOutputStream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class DocumentSourceTest {
  @TempDir Path folder;

  private Path write(String name, String text) throws Exception {
    return Files.writeString(folder.resolve(name), text);
  }

  private static List<String> read(DocumentSource source) {
    List<String> result = new ArrayList<>();
    try (DocumentReader reader = source.open()) {
      @Nullable Document document;
      while ((document = reader.next()) != null) {
        result.add(
            switch (document) {
              case Document.Text text -> text.text();
              case Document.Tokens tokens -> Arrays.toString(tokens.ids());
              case Document.Conversation conversation -> conversation.messages().toString();
            });
      }
    }
    return result;
  }

  private static String error(DocumentSource source) {
    var error = assertThrows(DataException.class, () -> read(source));
    String message = String.valueOf(error.getMessage());
    assertEquals(1, message.lines().count(), message);
    return message;
  }

  @Test
  void aTextFileWithoutSeparatorsIsOneDocumentAsItIs() throws Exception {
    Path file = write("a.txt", " one\r\ntwo\n\nthree \n");
    assertEquals(List.of(" one\r\ntwo\n\nthree \n"), read(DocumentSource.of(file)));
  }

  @Test
  void separatorLinesDivideATextFile() throws Exception {
    Path file =
        write(
            "a.txt",
            "\none\ntwo\n<|endoftext|>\n\n<|endoftext|> \r\nnot <|endoftext|> here\n<|endoftext|>");
    assertEquals(List.of("one\ntwo", "not <|endoftext|> here"), read(DocumentSource.of(file)));
  }

  @Test
  void theTinyStoriesSampleFallsIntoItsStories() {
    Path file = Shared.file("data/text/v2_sample_10k_lines.txt");
    List<String> stories = read(DocumentSource.of(file));
    assertEquals(1728, stories.size());
    assertTrue(stories.get(0).startsWith("Once upon a time there was a little boy named Ben."));
  }

  @Test
  void textThatIsNotUtf8IsAnError() throws Exception {
    Path file = folder.resolve("a.txt");
    Files.write(file, new byte[] {'a', '\n', (byte) 0xe9, 'b'});
    assertTrue(error(DocumentSource.of(file)).contains("not UTF-8"));
  }

  @Test
  void aJsonLineIsADocument() throws Exception {
    Path file =
        write("a.jsonl", "{\"id\": {\"n\": [1]}, \"text\": \"one\\n\"}\n\n{\"text\": \"é\"}");
    assertEquals(List.of("one\n", "é"), read(DocumentSource.of(file)));
  }

  @Test
  void tokenIdsWinOverTextUnlessATextColumnIsNamed() throws Exception {
    Path file = write("a.jsonl", "{\"input_ids\": [1, 2, 3], \"text\": \"t\", \"body\": \"b\"}\n");
    assertEquals(List.of("[1, 2, 3]"), read(DocumentSource.of(file)));
    assertEquals(List.of("b"), read(DocumentSource.of(file, Optional.of("body"))));
  }

  @Test
  void aBrokenLineIsNamedByItsNumber() throws Exception {
    Path file = write("a.jsonl", "{\"text\": \"one\"}\n{\"text\": \"two\n");
    String said = error(DocumentSource.of(file));
    assertTrue(said.startsWith(file + " line 2: "), said);
    assertTrue(error(DocumentSource.of(write("b.jsonl", "[1]\n"))).contains("line 1"));
    assertTrue(error(DocumentSource.of(write("c.jsonl", "{\"text\": 5}"))).contains("no string"));
    assertTrue(
        error(DocumentSource.of(write("d.jsonl", "{\"input_ids\": [1.5]}"))).contains("1.5"));
    assertTrue(
        error(DocumentSource.of(write("e.jsonl", "{\"input_ids\": [99999999999]}")))
            .contains("line 1"));
    assertTrue(
        error(DocumentSource.of(write("f.jsonl", "{\"text\":\"a\"} {}"))).contains("follows"));
  }

  @Test
  void aMissingColumnIsAnErrorThatListsTheOnesThereAre() throws Exception {
    Path file = write("a.jsonl", "{\"id\": 1, \"body\": \"b\"}\n");
    String said = error(DocumentSource.of(file));
    assertTrue(said.contains("[id, body]") && said.contains("input_ids"), said);
    said = error(DocumentSource.of(file, Optional.of("story")));
    assertTrue(said.contains("\"story\"") && said.contains("[id, body]"), said);
  }

  @Test
  void zippedFilesAreReadAsWhatTheyHold() throws Exception {
    Path file = folder.resolve("a.jsonl.gz");
    try (OutputStream out = new GZIPOutputStream(Files.newOutputStream(file))) {
      out.write("{\"text\": \"zipped\"}\n".getBytes(UTF_8));
    }
    assertEquals(List.of("zipped"), read(DocumentSource.of(file)));
    assertTrue(error(DocumentSource.of(write("b.jsonl.gz", "{}"))).contains("b.jsonl.gz"));
  }

  @Test
  void zstandardIsRead() throws Exception {
    byte[] text = "one\n<|endoftext|>\n%s".formatted("two ".repeat(200_000)).getBytes(UTF_8);
    Path file = folder.resolve("a.txt.zst");
    try (var out = new ZstdOutputStream(Files.newOutputStream(file))) {
      out.write(text, 0, 10);
      out.write(text, 10, text.length - 10);
    }
    DocumentSource source = DocumentSource.of(file);
    assertEquals(List.of("one", "two ".repeat(200_000).strip()), read(source));
    byte[] whole = Files.readAllBytes(file);
    Path half = Files.write(folder.resolve("h.txt.zst"), Arrays.copyOf(whole, whole.length / 2));
    assertTrue(error(DocumentSource.of(half)).startsWith(half + ": cannot be read: "));
    Path lines = folder.resolve("b.jsonl.zst");
    Files.write(lines, Zstd.compress("{\"text\": \"three\"}\n".getBytes(UTF_8)));
    assertEquals(List.of("three"), read(DocumentSource.of(lines)));
    assertTrue(error(DocumentSource.of(write("c.txt.zst", "text"))).contains("c.txt.zst"));
  }

  @Test
  void aFolderIsItsFilesInTheOrderOfTheirNames() throws Exception {
    write("b.txt", "two");
    write("a.jsonl", "{\"text\": \"one\"}\n");
    write("README.md", "not data");
    write(".hidden.txt", "not data");
    assertEquals(List.of("one", "two"), read(DocumentSource.of(folder)));
  }

  @Test
  void noDataIsAnErrorAtOnce() throws Exception {
    assertThrows(DataException.class, () -> DocumentSource.of(folder));
    assertThrows(DataException.class, () -> DocumentSource.of(folder.resolve("none.txt")));
    Path file = write("a.csv", "x");
    assertThrows(DataException.class, () -> DocumentSource.of(file));
  }

  private Path parquet(String name, String select) throws Exception {
    Path file = folder.resolve(name);
    try (Connection connection = DriverManager.getConnection("jdbc:duckdb:");
        Statement statement = connection.createStatement()) {
      statement.execute("COPY (" + select + ") TO '" + file + "' (FORMAT parquet)");
    }
    return file;
  }

  @Test
  void aParquetFileGivesItsRowsInOrder() throws Exception {
    Path file =
        parquet(
            "a[1].parquet",
            "SELECT [i, i + 1, i + 2]::INT[] AS input_ids, 'row ' || i AS text FROM range(5000)"
                + " t(i)");
    List<String> rows = read(DocumentSource.of(file));
    assertEquals(5000, rows.size());
    for (int i = 0; i < rows.size(); i++) {
      assertEquals("[" + i + ", " + (i + 1) + ", " + (i + 2) + "]", rows.get(i));
    }
    List<String> texts = read(DocumentSource.of(file, Optional.of("text")));
    assertEquals("row 4999", texts.getLast());
  }

  @Test
  void idsOfEveryWholeTypeAreRead() throws Exception {
    for (String type :
        List.of("TINYINT", "UTINYINT", "SMALLINT", "USMALLINT", "UINTEGER", "BIGINT")) {
      Path file = parquet(type + ".parquet", "SELECT [3, 127]::" + type + "[] AS input_ids");
      assertEquals(List.of("[3, 127]"), read(DocumentSource.of(file)), type);
    }
  }

  @Test
  void parquetErrorsNameTheFileTheRowAndTheColumns() throws Exception {
    Path noColumn = parquet("a.parquet", "SELECT 1 AS id, 'x' AS body");
    assertTrue(error(DocumentSource.of(noColumn)).contains("[id, body]"));
    Path none =
        parquet("b.parquet", "SELECT CASE WHEN i < 2 THEN 'x' END AS text FROM range(3) t(i)");
    assertTrue(error(DocumentSource.of(none)).startsWith(none + " row 3"));
    Path large = parquet("c.parquet", "SELECT [1, 99999999999] AS input_ids");
    assertTrue(error(DocumentSource.of(large)).contains("input_ids[1] is 99999999999"));
    for (String ids :
        List.of(
            "1.5::DOUBLE",
            "1::FLOAT",
            "1.0::DECIMAL(4,1)",
            "18446744073709551617::HUGEINT",
            "-1")) {
      Path wrong = parquet("wrong.parquet", "SELECT [" + ids + "] AS input_ids");
      assertTrue(error(DocumentSource.of(wrong)).contains("input_ids[0] is "), ids);
    }
    Path broken = write("d.parquet", "no parquet");
    assertTrue(error(DocumentSource.of(broken)).startsWith(broken.toString()));
  }

  @Test
  void labelsSayWhichIdsArePredicted() throws Exception {
    var expected = List.of("[3, -5, 5]", "[-1, 6]", "[7, 8]");
    Path lines =
        write(
            "a.jsonl",
            """
            {"labels": [3, -100, 5], "input_ids": [3, 4, 5]}
            {"input_ids": [0, 6], "labels": [-100, 6]}
            {"input_ids": [7, 8], "labels": 1}
            """);
    assertEquals(expected, read(DocumentSource.of(lines)));
    for (String type : List.of("INTEGER", "BIGINT", "SMALLINT")) {
      String rows =
          "SELECT * FROM (VALUES ([3, 4, 5], [3, -100, 5]), ([0, 6], [-100, 6]), ([7, 8], NULL)) t(a, b)";
      Path file =
          parquet(
              type + ".parquet",
              "SELECT a AS input_ids, b::%s[] AS labels FROM (%s)".formatted(type, rows));
      assertEquals(expected, read(DocumentSource.of(file)), type);
    }
    Path classes = parquet("class.parquet", "SELECT [7, 8] AS input_ids, 1 AS labels");
    assertEquals(List.of("[7, 8]"), read(DocumentSource.of(classes)));
    Path text = write("b.jsonl", "{\"text\": \"t\", \"labels\": [\"x\", {\"y\": [1]}, null]}");
    assertEquals(List.of("t"), read(DocumentSource.of(text)));
  }

  @Test
  void wrongLabelsAreNamed() throws Exception {
    for (String[] wrong :
        new String[][] {
          {"[4, 5]", "row 1: 2 labels for 3 input_ids"},
          {"[4, 5, -100]", "row 1: labels[0] is 4, expected input_ids[0] = 3 or -100"},
          {"[3, 4, NULL]", "row 1: labels[2] is "},
        }) {
      Path file =
          parquet(
              "wrong.parquet",
              "SELECT [3, 4, 5] AS input_ids, %s::INTEGER[] AS labels".formatted(wrong[0]));
      assertTrue(error(DocumentSource.of(file)).contains(wrong[1]), wrong[1]);
      Path lines =
          write(
              "wrong.jsonl",
              "{\"input_ids\": [3, 4, 5], \"labels\": %s}"
                  .formatted(wrong[0].toLowerCase(Locale.ROOT)));
      String said = error(DocumentSource.of(lines));
      assertTrue(said.contains(wrong[1].replace("row", "line")), said);
    }
    Path negative = write("negative.jsonl", "{\"input_ids\": [3, -1]}");
    assertTrue(error(DocumentSource.of(negative)).contains("\"input_ids\" holds -1, no id"));
  }

  @Test
  void aSourceCanBeReadAgain() throws Exception {
    DocumentSource source = DocumentSource.of(write("a.txt", "one\n<|endoftext|>\ntwo"));
    assertArrayEquals(read(source).toArray(), read(source).toArray());
  }
}
