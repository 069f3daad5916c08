package rondo.nn;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.regex.Pattern;
import rondo.engine.weights.Parameter;

/**
 * Some parameters of a model, by a word for a part of it or by a pattern of their names, in which
 * {@code *} stands for any characters.
 */
public record ParameterSelector(String text) {
  /** Norm gains and biases, wherever they are. */
  public static final ParameterSelector NORMS = new ParameterSelector("norms");

  public ParameterSelector {
    if (!text.equals("norms") && !parts().containsKey(text) && !text.contains(".")) {
      throw new IllegalArgumentException(
          "%s: expected %s, norms, or names as in transformer.core_block.*.attn.*"
              .formatted(text, String.join(", ", parts().keySet())));
    }
  }

  private static Map<String, String> parts() {
    var parts = new LinkedHashMap<String, String>();
    parts.put("embedding", "transformer.wte.weight");
    parts.put("prelude", "transformer.prelude.*");
    parts.put("adapter", "transformer.adapter.weight");
    parts.put("core", "transformer.core_block.*");
    parts.put("coda", "transformer.coda.*");
    parts.put("head", "lm_head.weight");
    return parts;
  }

  public boolean selects(Parameter p) {
    if (text.equals("norms")) {
      return p.group() == Parameter.Group.GAIN;
    }
    var names = parts().getOrDefault(text, text);
    var pattern = Pattern.quote(names).replace("*", "\\E.*\\Q");
    return p.name().matches(pattern);
  }
}
