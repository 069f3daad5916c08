package rondo.data;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Files of resources/arrow, which pyarrow 25 wrote in batches of two rows. */
class ArrowReaderTest {
  @TempDir Path folder;

  private Path file(String name) throws IOException {
    var to = folder.resolve(name);
    try (var bytes = ArrowReaderTest.class.getResourceAsStream("/arrow/" + name)) {
      Files.write(to, java.util.Objects.requireNonNull(bytes, name).readAllBytes());
    }
    return to;
  }

  private static List<String> read(Path file, @Nullable String column) {
    var found = new ArrayList<String>();
    try (var reader = DocumentSource.of(file, Optional.ofNullable(column)).open()) {
      @Nullable Document document;
      while ((document = reader.next()) != null) {
        found.add(
            switch (document) {
              case Document.Text text -> text.text();
              case Document.Tokens tokens -> Arrays.toString(tokens.ids());
              case Document.Conversation conversation -> conversation.messages().toString();
            });
        assertEquals(file + " row " + found.size(), document.where().toString());
      }
    }
    return found;
  }

  private static String error(Path file, @Nullable String column) {
    var said =
        String.valueOf(assertThrows(DataException.class, () -> read(file, column)).getMessage());
    assertEquals(1, said.lines().count(), said);
    assertTrue(said.startsWith(file.toString()), said);
    return said;
  }

  @ParameterizedTest
  @ValueSource(strings = {"text-stream.arrow", "text-file.arrow"})
  void textStandsBetweenColumnsOfEveryOtherKind(String name) throws IOException {
    var file = file(name);
    assertEquals(List.of("one", "", "zwei é 🙂\n", "four", "five"), read(file, null));
    try (var reader = DocumentSource.of(file).open()) {
      while (reader.next() != null) {}
      assertTrue(reader.bytesRead() > Files.size(file) / 2);
    }
    for (var other : List.of("id", "kind", "view", "nothing", "tags", "pair", "fixed")) {
      assertTrue(error(file, other).contains("column \"" + other + "\": expected text, or"), other);
    }
    var missing = error(file, "body");
    assertTrue(missing.contains("no column \"body\"; there are [id, score, kind"), missing);
  }

  @Test
  void partsOfATableAndFilesOfBeforeAreRead() throws IOException {
    assertEquals(List.of("bb", "ccc"), read(file("sliced.arrow"), null));
    assertEquals(List.of("old", "er"), read(file("legacy.arrow"), null));
    assertEquals(List.of(), read(file("empty.arrow"), null));
  }

  @ParameterizedTest
  @ValueSource(strings = {"int8", "uint16", "int32", "uint32", "int64"})
  void idsOfEveryWholeTypeAreRead(String type) throws IOException {
    assertEquals(
        List.of("[3, 4, 5]", "[]", "[0, 6]", "[127]"), read(file("ids-" + type + ".arrow"), null));
  }

  @Test
  void labelsSayWhichIdsArePredicted() throws IOException {
    assertEquals(List.of("[3, -5, 5]", "[7]", "[-1, 6]"), read(file("labels.arrow"), null));
  }

  @Test
  void conversationsAreRead() throws IOException {
    assertEquals(
        List.of(
            List.of(new Document.Message("user", "q"), new Document.Message("assistant", "a"))
                .toString(),
            "[]",
            List.of(new Document.Message("system", "s")).toString()),
        read(file("messages.arrow"), null));
  }

  @ParameterizedTest
  @CsvSource({
    "text-null.arrow, row 3: the text is NULL",
    "ids-null.arrow, row 1: input_ids[1] is NULL",
    "ids-negative.arrow, row 1: input_ids[1] is -4",
    "messages-null.arrow, row 1: message 1 has no role",
    "compressed.arrow, its buffers are compressed: write it again",
  })
  void whatIsWrongIsTold(String name, String expected) throws IOException {
    var said = error(file(name), null);
    assertTrue(said.contains(expected), said);
  }

  /** What is cut off, or has a wrong byte anywhere, is read otherwise or refused in one line. */
  @ParameterizedTest
  @ValueSource(strings = {"messages.arrow", "labels.arrow", "text-file.arrow"})
  void brokenFilesAreRefusedWhereTheyAreBroken(String name) throws IOException {
    byte[] whole = Files.readAllBytes(file(name));
    var broken = folder.resolve("broken.arrow");
    int refused = 0;
    for (int i = 0; i < whole.length; i += name.startsWith("text") ? 29 : 5) {
      refused += isRefused(broken, Arrays.copyOf(whole, i)) ? 1 : 0;
      for (int value : new int[] {0x80, 0xff}) {
        byte[] changed = whole.clone();
        changed[i] = (byte) value;
        refused += isRefused(broken, changed) ? 1 : 0;
      }
    }
    assertTrue(refused > 50, refused + " of " + whole.length);
  }

  private static boolean isRefused(Path file, byte[] bytes) throws IOException {
    Files.write(file, bytes);
    try {
      read(file, null);
      return false;
    } catch (DataException e) {
      assertEquals(1, String.valueOf(e.getMessage()).lines().count());
      return true;
    }
  }
}
