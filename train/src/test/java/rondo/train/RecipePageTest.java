package rondo.train;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The page about recipes has every key that the reader knows, and no other. */
class RecipePageTest {
  private static final String UNKNOWN = "zz";

  /** Lists of mappings, with what their mappings must have. */
  private static final Map<String, String> LISTS =
      Map.of("data.train[]", "path: p", "optimizer.groups[]", "parameters: [core]");

  private static final Pattern TOLD =
      Pattern.compile("unknown key \\S*" + UNKNOWN + ";?.*; known here: (.*)");

  @TempDir Path folder;
  private Path recipe = Path.of("");
  private String page = "";

  @BeforeEach
  void write() throws IOException {
    page = Files.readString(Path.of("..", "docs", "recipe.md"));
    recipe =
        Files.writeString(
            folder.resolve("recipe.yaml"),
            """
            model: m
            out: o
            data: {train: [{path: p}], validation: {path: p}, sequence_length: 8}
            distill: {model: b}
            batch: {sequences: 4}
            steps: 10
            """);
  }

  /** The keys of a mapping, as the error about an unknown one tells them; none of what is none. */
  private List<String> keys(String path, String optimizer) {
    var unknown =
        path.endsWith("[]")
            ? "%s=[{%s, %s: 1}]"
                .formatted(path.substring(0, path.length() - 2), LISTS.get(path), UNKNOWN)
            : path + (path.isEmpty() ? "" : ".") + UNKNOWN + "=1";
    try {
      Recipe.read(recipe, List.of("optimizer.name=" + optimizer, unknown));
    } catch (IllegalArgumentException e) {
      var told = TOLD.matcher(String.valueOf(e.getMessage()));
      if (told.find()) {
        return List.of(told.group(1).split(", "));
      }
    }
    return List.of();
  }

  private Set<String> leaves(String path, String optimizer) {
    var leaves = new TreeSet<String>();
    for (var key : keys(path, optimizer)) {
      var at = path.isEmpty() ? key : path + "." + key;
      at += LISTS.containsKey(at + "[]") ? "[]" : "";
      var inner = leaves(at, optimizer);
      leaves.addAll(inner.isEmpty() ? Set.of(at) : inner);
    }
    return leaves;
  }

  @Test
  void everyKeyIsOnThePageAndEveryKeyOfThePageIsKnown() {
    var known = leaves("", "muon");
    known.addAll(leaves("", "adamw"));
    known.addAll(leaves("", "ellis-adam"));
    assertTrue(known.contains("optimizer.newton_schulz.steps"), known.toString());
    var written = new ArrayList<String>();
    Pattern.compile("(?m)^\\| `([^`]+)` \\|")
        .matcher(page)
        .results()
        .map((MatchResult r) -> r.group(1))
        .forEach(written::add);
    assertEquals(known, new TreeSet<>(written));
    assertEquals(known.size(), written.size(), "each once");
  }

  @Test
  void theExampleIsARecipe() throws IOException {
    var yaml =
        page.substring(
            page.indexOf("```yaml\n") + 8, page.indexOf("```\n", page.indexOf("```yaml\n") + 8));
    var example = Recipe.read(Files.writeString(folder.resolve("example.yaml"), yaml), List.of());
    assertEquals(2, example.data().train().size());
    for (var key : leaves("", "muon")) {
      var section = key.replaceFirst("[.\\[].*", "");
      var written =
          example.values().keySet().stream().anyMatch(k -> k.matches(section + "[.\\[].*"));
      assertTrue(written || section.equals(key), "no section " + section + " in the example");
    }
    assertEquals(4, example.accumulation());
  }
}
