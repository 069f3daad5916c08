package rondo.train;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.snakeyaml.engine.v2.api.Load;
import org.snakeyaml.engine.v2.api.LoadSettings;
import org.snakeyaml.engine.v2.exceptions.YamlEngineException;

/** YAML text and {@code key.path=value} overrides as one nested mapping. */
final class RecipeYaml {
  private RecipeYaml() {}

  static Map<String, Object> read(Path file, List<String> overrides) {
    Object root;
    try {
      root = parse(Files.readString(file), file.toString());
    } catch (IOException e) {
      throw new IllegalArgumentException("recipe: " + file + ": cannot be read: " + e.getMessage());
    }
    if (!(root instanceof Map<?, ?> map)) {
      throw new IllegalArgumentException("recipe: " + file + ": expected a mapping of keys");
    }
    var values = Section.checked(map);
    for (var override : overrides) {
      apply(values, override);
    }
    return values;
  }

  private static Object parse(String text, String where) {
    try {
      var settings = LoadSettings.builder().setLabel(where).setAllowDuplicateKeys(false).build();
      return new Load(settings).loadFromString(text);
    } catch (YamlEngineException e) {
      var line = String.valueOf(e.getMessage()).replaceAll("\\s+", " ").strip();
      throw new IllegalArgumentException("recipe: " + where + ": not YAML: " + line);
    }
  }

  private static void apply(Map<String, Object> values, String override) {
    int equals = override.indexOf('=');
    if (equals < 1) {
      throw new IllegalArgumentException(
          "recipe: override \"" + override + "\": expected key.path=value");
    }
    var path = override.substring(0, equals).split("\\.", -1);
    var value = parse(override.substring(equals + 1), override);
    Map<String, Object> at = values;
    for (int i = 0; i + 1 < path.length; i++) {
      var next =
          at.get(path[i]) instanceof Map<?, ?> map
              ? Section.checked(map)
              : new LinkedHashMap<String, Object>();
      at.put(path[i], next);
      at = next;
    }
    if (value == null) {
      at.remove(path[path.length - 1]);
    } else {
      at.put(path[path.length - 1], value);
    }
  }

  /** Nested values as {@code a.b.c → text}. */
  static Map<String, String> flat(Map<String, Object> values) {
    var flat = new LinkedHashMap<String, String>();
    flatten("", values, flat);
    return flat;
  }

  private static void flatten(String path, @Nullable Object value, Map<String, String> flat) {
    switch (value) {
      case null -> {} // a key without a value, as if it were not there
      case Map<?, ?> map ->
          map.forEach((k, v) -> flatten(path.isEmpty() ? "" + k : path + "." + k, v, flat));
      case List<?> list -> {
        for (int i = 0; i < list.size(); i++) {
          flatten(path + "[" + i + "]", list.get(i), flat);
        }
      }
      default -> flat.put(path, String.valueOf(value));
    }
  }
}
