package rondo.train;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import rondo.nn.checkpoint.Nearest;

/**
 * One mapping of a recipe, read key by key. Every key that is asked for is known; what is left over
 * at the end is an error that names the nearest known one.
 */
final class Section {
  private static final Pattern SIZE = Pattern.compile("(\\d{1,9}(?:\\.\\d{1,9})?) ?(B|[KMGT]iB)");
  private static final String UNITS = "BKMGT";

  private final String path;
  private final Map<String, Object> values;
  private final Set<String> known = new LinkedHashSet<>();

  Section(String path, Map<String, Object> values) {
    this.path = path;
    this.values = values;
  }

  String at(String key) {
    return path.isEmpty() ? key : path + "." + key;
  }

  IllegalArgumentException wrong(String key, @Nullable Object found, String expected) {
    return new IllegalArgumentException(
        "recipe: "
            + at(key)
            + (found == null ? " is missing" : ": " + found)
            + ": expected "
            + expected);
  }

  @Nullable Object get(String key) {
    known.add(key);
    return values.get(key);
  }

  boolean has(String key) {
    return get(key) != null;
  }

  Section section(String key) {
    var value = get(key);
    if (value == null) {
      return new Section(at(key), Map.of());
    }
    if (value instanceof Map<?, ?> map) {
      return new Section(at(key), checked(map));
    }
    throw wrong(key, value, "a mapping of keys");
  }

  /** The mappings of a list. */
  List<Section> sections(String key) {
    if (!(get(key) instanceof List<?> list)) {
      throw wrong(key, get(key), "a list of mappings");
    }
    var sections = new ArrayList<Section>();
    for (int i = 0; i < list.size(); i++) {
      if (!(list.get(i) instanceof Map<?, ?> map)) {
        throw wrong(key + "[" + i + "]", list.get(i), "a mapping of keys");
      }
      sections.add(new Section(at(key) + "[" + i + "]", checked(map)));
    }
    return sections;
  }

  static Map<String, Object> checked(Map<?, ?> map) {
    var checked = new LinkedHashMap<String, Object>();
    map.forEach((k, v) -> {
      if (v != null) {
        checked.put(String.valueOf(k), v);
      }
    });
    return checked;
  }

  String text(String key) {
    var value = get(key);
    if (value == null || value instanceof Map || value instanceof List) {
      throw wrong(key, value, "text");
    }
    return value.toString();
  }

  String text(String key, String otherwise) {
    return has(key) ? text(key) : otherwise;
  }

  double number(String key, double otherwise) {
    var value = get(key);
    if (value == null) {
      return otherwise;
    }
    return number(key, value);
  }

  private double number(String key, Object value) {
    if (value instanceof Number n && Double.isFinite(n.doubleValue())) {
      return n.doubleValue();
    }
    try { // YAML 1.2 reads 1e-3 as a number, and people write 1.e-3 too
      double parsed = Double.parseDouble(value.toString());
      if (Double.isFinite(parsed)) {
        return parsed;
      }
    } catch (NumberFormatException e) {
      // told below
    }
    throw wrong(key, value, "a number");
  }

  double positive(String key, double otherwise) {
    double value = number(key, otherwise);
    if (value <= 0) {
      throw wrong(key, value, "a positive number");
    }
    return value;
  }

  double fraction(String key, double otherwise) {
    double value = number(key, otherwise);
    if (value < 0 || value > 1) {
      throw wrong(key, value, "a number from 0 to 1");
    }
    return value;
  }

  double notNegative(String key, double otherwise) {
    double value = number(key, otherwise);
    if (value < 0) {
      throw wrong(key, value, "a number of at least 0");
    }
    return value;
  }

  int count(String key, int otherwise) {
    var value = get(key);
    if (value == null) {
      return otherwise;
    }
    double number = number(key, value);
    if (number != Math.rint(number) || number < 1 || number > Integer.MAX_VALUE) {
      throw wrong(key, value, "a whole number of at least 1");
    }
    return (int) number;
  }

  int count(String key) {
    if (!has(key)) {
      throw wrong(key, null, "a whole number of at least 1");
    }
    return count(key, 1);
  }

  long whole(String key, long otherwise) {
    var value = get(key);
    return switch (value) {
      case null -> otherwise;
      case Integer i -> i;
      case Long l -> l;
      default -> throw wrong(key, value, "a whole number");
    };
  }

  boolean flag(String key, boolean otherwise) {
    var value = get(key);
    return switch (value) {
      case null -> otherwise;
      case Boolean b -> b;
      default -> throw wrong(key, value, "true or false");
    };
  }

  List<Double> numbers(String key, List<Double> otherwise) {
    var value = get(key);
    if (value == null) {
      return otherwise;
    }
    if (!(value instanceof List<?> list) || list.size() != otherwise.size()) {
      throw wrong(key, value, "a list of " + otherwise.size() + " numbers");
    }
    return list.stream().map(v -> number(key, v)).toList();
  }

  /** A size such as 8 GiB; 0 where there is no such key. */
  long bytes(String key) {
    var value = get(key);
    if (value == null) {
      return 0;
    }
    var parts = SIZE.matcher(value.toString());
    if (parts.matches()) {
      int power = UNITS.indexOf(parts.group(2).charAt(0));
      double bytes = Double.parseDouble(parts.group(1)) * Math.pow(1024, power);
      if (bytes >= 1 && bytes < Long.MAX_VALUE) {
        return (long) bytes;
      }
    }
    throw wrong(key, value, "a size such as 8 GiB or 500 MiB");
  }

  /** Counts that increase; none where there is no such key. */
  List<Integer> increasing(String key) {
    var value = get(key);
    if (value == null) {
      return List.of();
    }
    var counts = new ArrayList<Integer>();
    if (value instanceof List<?> list) {
      for (var item : list) {
        int least = counts.isEmpty() ? 1 : counts.getLast() + 1;
        if (item instanceof Integer count && count >= least) {
          counts.add(count);
        }
      }
      if (counts.size() == list.size() && !counts.isEmpty()) {
        return counts;
      }
    }
    throw wrong(key, value, "a list of increasing whole numbers from 1, as in [1, 4, 16]");
  }

  /** One of some words. */
  String word(String key, @Nullable String otherwise, String... words) {
    var value = get(key);
    if (value == null && otherwise != null) {
      return otherwise;
    }
    if (value != null && List.of(words).contains(value.toString())) {
      return value.toString();
    }
    throw wrong(key, value, String.join(" or ", words));
  }

  /** Steps given as a number or as a fraction of all steps, rounded up. */
  long steps(String key, long total, double otherwise) {
    var section = section(key);
    long steps;
    if (section.has("steps")) {
      if (section.has("fraction")) {
        throw wrong(key, values.get(key), "steps or fraction, not both");
      }
      steps = section.whole("steps", 0);
    } else {
      steps = (long) Math.ceil(section.fraction("fraction", otherwise) * total);
    }
    section.end();
    if (steps < 0 || steps > total) {
      throw wrong(key, values.get(key), "at most the " + total + " steps of the run");
    }
    return steps;
  }

  /** No key may be left that nobody asked for. */
  void end() {
    for (var key : values.keySet()) {
      if (!known.contains(key)) {
        var nearest = Nearest.slip(key, known);
        throw new IllegalArgumentException(
            "recipe: unknown key "
                + at(key)
                + (nearest == null ? "" : "; the nearest known one is " + at(nearest))
                + "; known here: "
                + String.join(", ", known));
      }
    }
  }
}
