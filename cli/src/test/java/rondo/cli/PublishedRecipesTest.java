package rondo.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static rondo.cli.Called.rondo;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;

/** The page of the published runs says what their recipes plan, line by line. */
class PublishedRecipesTest {
  private static final Path FOLDER = Path.of("..", "scripts", "recipes", "published");
  private static final Set<String> SHARED = Set.of("common.yaml", "math.yaml");
  private static final Pattern ROW =
      Pattern.compile("\\| ([a-z0-9.-]+\\.yaml) \\| ([a-z0-9.-]+) \\|.*");

  /** The line that a recipe's plan makes. */
  private static String line(String file, String preset) {
    var plan = rondo("plan", "--model", preset, "--recipe", FOLDER.resolve(file), "--json").json();
    var run = plan.path("run");
    var step = plan.path("step");
    var keep = step.has("keep_state") ? step.path("keep_state") : step.path("keep_all");
    return String.format(
        Locale.ROOT,
        "| %s | %s | %,d | %.1f | %.3g | %.3g | %.1f |",
        file,
        preset,
        run.path("steps").asLong(),
        run.path("tokens").asDouble() / 1e9,
        run.path("flops_published").asDouble(),
        run.path("flops_counted").asDouble(),
        keep.path("bytes").path("total").asDouble() / (1 << 30));
  }

  @Test
  void everyRecipeIsOnThePageWithWhatItPlans() throws IOException {
    var written = new ArrayList<String>();
    var planned = new ArrayList<String>();
    var files = new TreeSet<String>();
    for (var text : Files.readAllLines(FOLDER.resolve("README.md"))) {
      var row = ROW.matcher(text);
      if (row.matches()) {
        written.add(text);
        planned.add(line(row.group(1), row.group(2)));
        files.add(row.group(1));
      }
    }
    assertEquals(String.join("\n", planned), String.join("\n", written));
    assertEquals(recipes(), files);
  }

  private static Set<String> recipes() throws IOException {
    try (var found = Files.list(FOLDER)) {
      List<String> names = found.map(path -> path.getFileName().toString()).toList();
      var recipes = new TreeSet<>(names);
      recipes.removeIf(name -> !name.endsWith(".yaml") || SHARED.contains(name));
      return recipes;
    }
  }
}
