package rondo.data;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashSet;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.TreeSet;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class JavaSourcesTest {
  private static final String LICENCE = "/*\n * Copyright\n */\n\n/* more */\n";

  @TempDir Path folder;

  /** Files of 60 to 70 bytes in two packages, a copy, and what is no Java. */
  private Path archive(String name, List<String> order) throws Exception {
    Path file = folder.resolve(name);
    try (ZipOutputStream zip = new ZipOutputStream(Files.newOutputStream(file))) {
      for (String path : order) {
        zip.putNextEntry(new ZipEntry(path));
        String body = "package p;\n\n/** " + path.replace("copy", "P000") + " */\nclass X {}\n";
        zip.write((LICENCE + body).getBytes(StandardCharsets.UTF_8));
      }
    }
    return file;
  }

  private static List<String> paths() {
    List<String> paths = new ArrayList<>();
    for (int i = 0; i < 200; i++) {
      paths.add("java.base/p%d/P%03d.java".formatted(i % 2, i));
    }
    paths.add("java.base/p0/copy.java");
    paths.add("java.base/p0/notes.txt");
    return paths;
  }

  private static List<String> texts(DocumentSource source) {
    List<String> texts = new ArrayList<>();
    try (DocumentReader reader = source.open()) {
      @Nullable Document document;
      while ((document = reader.next()) != null) {
        texts.add(((Document.Text) document).text());
      }
    }
    return texts;
  }

  @Test
  void licencesAndCopiesAndOtherFilesAreLeftOut() throws Exception {
    JavaSources sources = new JavaSources(archive("a.zip", paths()), Long.MAX_VALUE, 10);
    List<String> texts = texts(sources.train());
    texts.addAll(texts(sources.validation()));
    assertEquals(200, texts.size());
    assertTrue(texts.stream().allMatch(t -> t.startsWith("package p;")));
    long bytes = texts.stream().mapToLong(t -> t.getBytes(StandardCharsets.UTF_8).length).sum();
    assertEquals(bytes, sources.bytes());
  }

  @Test
  void filesAreHeldOutWholeAndInTheOrderOfTheirPaths() throws Exception {
    JavaSources sources = new JavaSources(archive("a.zip", paths()), Long.MAX_VALUE, 10);
    Set<String> both = new HashSet<>(sources.trainFiles());
    both.retainAll(sources.validationFiles());
    assertEquals(Set.of(), both);
    int held = sources.validationFiles().size();
    assertTrue(held > 8 && held < 40, "held out of 200: " + held);
    assertEquals(List.copyOf(new TreeSet<>(sources.trainFiles())), sources.trainFiles());
    assertEquals(texts(sources.train()).size(), sources.trainFiles().size());
  }

  @Test
  void aSampleKeepsToItsLimitAndDoesNotDependOnTheOrderInTheArchive() throws Exception {
    List<String> shuffled = paths();
    long seed = 3;
    Collections.shuffle(shuffled, new Random(seed));
    JavaSources one = new JavaSources(archive("a.zip", paths()), 3000, 5);
    JavaSources two = new JavaSources(archive("b.zip", shuffled), 3000, 5);
    assertEquals(one.trainFiles(), two.trainFiles(), "seed " + seed);
    assertEquals(one.validationFiles(), two.validationFiles());
    assertTrue(one.bytes() <= 3000 && one.bytes() > 2900, "bytes " + one.bytes());
    assertTrue(one.trainFiles().stream().anyMatch(p -> p.contains("/p0/")));
    assertTrue(one.trainFiles().stream().anyMatch(p -> p.contains("/p1/")));
  }

  @Test
  void aLargerSampleHoldsOutTheSameFilesAndMore() throws Exception {
    Path archive = archive("a.zip", paths());
    JavaSources small = new JavaSources(archive, 3000, 5);
    JavaSources large = new JavaSources(archive, Long.MAX_VALUE, 5);
    assertTrue(large.validationFiles().containsAll(small.validationFiles()));
    assertTrue(large.trainFiles().containsAll(small.trainFiles()));
  }

  @Test
  void onlyBlockCommentsInFrontAreLicences() {
    assertEquals("package p; /* x */", JavaSources.withoutLicence("\n/* a */ package p; /* x */"));
    assertEquals("/** doc */ class X", JavaSources.withoutLicence("/* a */\n/** doc */ class X"));
    assertEquals("// line\nclass X", JavaSources.withoutLicence("// line\nclass X"));
    assertEquals("/* open", JavaSources.withoutLicence("/* open"));
  }

  @Test
  void whatCannotBeUsedIsAnError() throws Exception {
    Path archive = archive("a.zip", paths());
    assertThrows(DataException.class, () -> new JavaSources(archive, 10, 10));
    assertThrows(DataException.class, () -> JavaSources.archiveOf(folder));
    Path broken = Files.writeString(folder.resolve("b.zip"), "no zip");
    assertThrows(DataException.class, () -> new JavaSources(broken, 1000, 10));
  }

  @Test
  void theSourcesOfThisJavaGiveACorpus() {
    Path archive = Path.of(System.getProperty("java.home"), "lib", "src.zip");
    assumeTrue(Files.exists(archive), "this Java has no lib/src.zip");
    JavaSources sources = new JavaSources(archive, 2_000_000, 20);
    assertTrue(sources.bytes() > 1_900_000, "bytes " + sources.bytes());
    List<String> texts = texts(sources.validation());
    assertTrue(texts.size() > 3);
    assertTrue(texts.stream().noneMatch(t -> t.startsWith("/*\n * Copyright")));
  }
}
