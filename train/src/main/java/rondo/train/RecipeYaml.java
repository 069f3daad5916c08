package rondo.train;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.snakeyaml.engine.v2.api.Load;
import org.snakeyaml.engine.v2.api.LoadSettings;
import org.snakeyaml.engine.v2.exceptions.YamlEngineException;
import rondo.nn.checkpoint.CheckpointException;

/** YAML text and {@code key.path=value} overrides as one nested mapping. */
final class RecipeYaml {
  private RecipeYaml() {}

  /** The key that names the recipe that a recipe is laid over. */
  private static final String EXTENDS = "extends";

  static Map<String, Object> read(Path file, List<String> overrides) {
    return with(read(file, new LinkedHashSet<>()), overrides);
  }

  static Map<String, Object> of(List<String> settings) {
    return with(new LinkedHashMap<>(), settings);
  }

  private static Map<String, Object> with(Map<String, Object> values, List<String> overrides) {
    for (var override : overrides) {
      apply(values, override);
    }
    return values;
  }

  /** A file's mapping over that of the file it extends; {@code open} are the ones on the way. */
  private static Map<String, Object> read(Path file, Set<Path> open) {
    Object root;
    try {
      root = parse(Files.readString(file), file.toString());
    } catch (IOException e) {
      throw new IllegalArgumentException(
          "recipe: " + file + ": cannot be read: " + CheckpointException.reason(e), e);
    }
    if (!(root instanceof Map<?, ?> map)) {
      throw new IllegalArgumentException("recipe: " + file + ": expected a mapping of keys");
    }
    var base = map.get(EXTENDS);
    Map<String, Object> values = new LinkedHashMap<>();
    if (base != null) {
      if (!(base instanceof String name)) {
        throw new IllegalArgumentException(
            "recipe: " + file + ": extends: expected the path of another recipe");
      }
      open.add(file.toAbsolutePath().normalize());
      var below = file.resolveSibling(name);
      if (open.contains(below.toAbsolutePath().normalize())) {
        throw new IllegalArgumentException("recipe: " + file + ": extends: a circle over " + name);
      }
      values = read(below, open);
    }
    lay(values, map);
    values.remove(EXTENDS);
    return values;
  }

  /** Mappings are laid over each other key by key, everything else is replaced; null removes. */
  private static void lay(Map<String, Object> below, Map<?, ?> above) {
    above.forEach((k, value) -> {
      var key = String.valueOf(k);
      if (value == null) {
        below.remove(key);
      } else if (value instanceof Map<?, ?> map && below.get(key) instanceof Map<?, ?> old) {
        var merged = Section.checked(old);
        lay(merged, map);
        below.put(key, merged);
      } else {
        below.put(key, value);
      }
    });
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
