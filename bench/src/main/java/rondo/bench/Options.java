package rondo.bench;

import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Set;

/** Arguments of a measuring program, given as {@code --name value}. */
public final class Options {
  private final Map<String, String> values = new LinkedHashMap<>();

  /**
   * Reads arguments.
   *
   * @throws IllegalArgumentException when one is unknown or lacks its value
   */
  public Options(String[] arguments, Set<String> known) {
    for (int i = 0; i < arguments.length; i += 2) {
      var name = arguments[i].startsWith("--") ? arguments[i].substring(2) : "";
      if (!known.contains(name) || i + 1 == arguments.length) {
        throw new IllegalArgumentException(
            "\"" + arguments[i] + "\": expected --name value with a name of " + known);
      }
      values.put(name, arguments[i + 1]);
    }
  }

  public String text(String name, String otherwise) {
    return values.getOrDefault(name, otherwise);
  }

  public int count(String name, int otherwise) {
    return values.containsKey(name) ? Integer.parseInt(values.get(name)) : otherwise;
  }

  public double number(String name, double otherwise) {
    return values.containsKey(name) ? Double.parseDouble(values.get(name)) : otherwise;
  }

  /** How long to measure: {@code --rounds} of {@code --seconds} by {@code --clock}. */
  public Rounds rounds() {
    var clock = Clock.valueOf(text("clock", "wall").toUpperCase(Locale.ROOT));
    return new Rounds(count("rounds", 11), number("seconds", 0.2), clock);
  }
}
