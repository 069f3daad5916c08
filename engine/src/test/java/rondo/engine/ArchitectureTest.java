package rondo.engine;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import rondo.engine.graph.Graph;

/** The absences that the design promises. */
class ArchitectureTest {
  /** Where the production classes are: a folder or a jar. */
  private static final JavaClasses ENGINE =
      new ClassFileImporter()
          .importUrl(Graph.class.getProtectionDomain().getCodeSource().getLocation());

  @Test
  void oneClassTouchesTheLinker() {
    var users =
        ENGINE.stream()
            .filter(c ->
                c.getDirectDependenciesFromSelf().stream()
                    .anyMatch(
                        d -> d.getTargetClass().getName().startsWith("java.lang.foreign.Linker")))
            .map(c -> c.getName().replaceAll("\\$.*", ""))
            .collect(Collectors.toSet());
    assertEquals(java.util.Set.of("rondo.engine.nativelib.NativeStream"), users);
  }

  @Test
  void graphsKnowNothingOfDevicesAndMemory() {
    noClasses()
        .that()
        .resideInAPackage("rondo.engine.graph..")
        .should()
        .dependOnClassesThat()
        .resideInAnyPackage(
            "rondo.engine.device..",
            "rondo.engine.nativelib..",
            "rondo.engine.plain..",
            "rondo.engine.weights..",
            "java.lang.foreign..")
        .check(ENGINE);
  }

  @Test
  void engineUsesNoReflectionNoCleanerAndNoLogging() {
    noClasses()
        .should()
        .dependOnClassesThat()
        .resideInAnyPackage("java.lang.reflect..", "java.util.logging..")
        .orShould()
        .dependOnClassesThat()
        .haveFullyQualifiedName("java.lang.ref.Cleaner")
        .check(ENGINE);
    for (var c : ENGINE) {
      assertTrue(c.tryGetMethod("finalize").isEmpty(), c.getName() + " has a finaliser");
    }
  }

  /** Of every module, by its source, since the engine is built before the others. */
  @Test
  void noModuleUsesReflectionCleanersOrFinalisers() {
    var forbidden =
        Pattern.compile(
            "java\\.lang\\.reflect|java\\.lang\\.ref\\.Cleaner|void finalize\\(|sun\\.misc\\.Unsafe");
    var linker = Pattern.compile("java\\.lang\\.foreign\\.Linker");
    var offenders = new ArrayList<String>();
    var linkers = new ArrayList<String>();
    for (var file : sources()) {
      var text = read(file);
      var name = String.valueOf(file.getFileName());
      if (forbidden.matcher(text).find()) {
        offenders.add(name);
      }
      if (linker.matcher(text).find()) {
        linkers.add(name);
      }
    }
    assertEquals(List.of(), offenders);
    assertEquals(List.of("NativeStream.java"), linkers);
  }

  private static List<Path> sources() {
    // Tests run in the folder of their module.
    var root = Path.of("").toAbsolutePath();
    if (!Files.isRegularFile(root.resolve("pom.xml"))
        || !Files.isDirectory(root.resolve("engine"))) {
      root = root.resolveSibling(".").normalize();
    }
    try (var modules = Files.list(root)) {
      var files = new ArrayList<Path>();
      for (var main :
          modules.map(m -> m.resolve("src/main/java")).filter(Files::isDirectory).toList()) {
        try (var walk = Files.walk(main)) {
          walk.filter(f -> f.toString().endsWith(".java")).forEach(files::add);
        }
      }
      assertTrue(files.size() > 50, "sources found under " + root);
      return files;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static String read(Path file) {
    try {
      return Files.readString(file);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
