package rondo.nn.checkpoint;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.stream.IntStream;

/** Which layers of a fixed-depth model become prelude, core and coda; counted from 0. */
public record Surgery(List<Integer> prelude, List<Integer> core, List<Integer> coda) {
  public Surgery {
    prelude = List.copyOf(prelude);
    core = List.copyOf(core);
    coda = List.copyOf(coda);
    Set<Integer> taken = new HashSet<>();
    checkPart("prelude", prelude, taken);
    checkPart("core", core, taken);
    checkPart("coda", coda, taken);
  }

  /**
   * Reads ranges and lists such as {@code 0-3} and {@code 0,1,5-7}.
   *
   * @param layers of the fixed-depth model
   * @throws IllegalArgumentException one line naming the part and what is wrong with it
   */
  public static Surgery parse(String prelude, String core, String coda, int layers) {
    return new Surgery(
        parsePart("prelude", prelude, layers),
        parsePart("core", core, layers),
        parsePart("coda", coda, layers));
  }

  /**
   * Checks that a model of that many layers has all of them.
   *
   * @throws IllegalArgumentException naming the first that it has not
   */
  public Surgery within(int layers) {
    for (List<Integer> part : List.of(prelude, core, coda)) {
      for (int layer : part) {
        if (layer >= layers) {
          throw new IllegalArgumentException(
              "layer %d, expected 0 to %d: the model has %d layers"
                  .formatted(layer, layers - 1, layers));
        }
      }
    }
    return this;
  }

  /** The layers that no part takes. */
  public List<Integer> dropped(int layers) {
    return IntStream.range(0, layers)
        .boxed()
        .filter(i -> !prelude.contains(i) && !core.contains(i) && !coda.contains(i))
        .toList();
  }

  private static void checkPart(String name, List<Integer> part, Set<Integer> taken) {
    if (part.isEmpty()) {
      throw new IllegalArgumentException(name + " has no layers, expected at least one");
    }
    int previous = -1;
    for (int layer : part) {
      if (layer <= previous) {
        throw new IllegalArgumentException(
            name + " " + part + ": expected layers from 0 on in increasing order");
      }
      if (!taken.add(layer)) {
        throw new IllegalArgumentException(
            "%s %s: layer %d is in an earlier part".formatted(name, part, layer));
      }
      previous = layer;
    }
  }

  private static List<Integer> parsePart(String name, String text, int layers) {
    List<Integer> part = new ArrayList<>();
    for (String piece : text.split(",", -1)) {
      int dash = piece.indexOf('-');
      int first = layer(name, text, dash < 0 ? piece : piece.substring(0, dash), layers);
      int last = dash < 0 ? first : layer(name, text, piece.substring(dash + 1), layers);
      if (last < first) {
        throw new IllegalArgumentException(
            "%s '%s': the range %s runs backwards".formatted(name, text, piece.strip()));
      }
      for (int layer = first; layer <= last; layer++) {
        part.add(layer);
      }
    }
    return part;
  }

  private static int layer(String name, String text, String number, int layers) {
    String digits = number.strip();
    if (digits.isEmpty()
        || digits.length() > 9
        || !digits.chars().allMatch(c -> c >= '0' && c <= '9')) {
      throw new IllegalArgumentException(
          "%s '%s': '%s' is not a layer; expected ranges or lists such as 0-3 or 0,1"
              .formatted(name, text, digits));
    }
    int layer = Integer.parseInt(digits);
    if (layer >= layers) {
      throw new IllegalArgumentException(
          "%s '%s': layer %d, expected 0 to %d: the model has %d layers"
              .formatted(name, text, layer, layers - 1, layers));
    }
    return layer;
  }
}
