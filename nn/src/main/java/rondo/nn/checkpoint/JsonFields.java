package rondo.nn.checkpoint;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * Typed access to a JSON object of a file: every fault names the file and the key. A key given as
 * several names is the first of them that is present; null counts as absent.
 */
record JsonFields(Path file, ObjectNode object) {
  boolean has(String key) {
    return value(key) != null;
  }

  int integer(String... keys) {
    JsonNode value = required(keys);
    if (!value.isInt()) {
      throw wrong(present(keys), value, "an integer of 32 bits");
    }
    return value.intValue();
  }

  int integerOr(int otherwise, String key) {
    return has(key) ? integer(key) : otherwise;
  }

  double number(String... keys) {
    JsonNode value = required(keys);
    if (!value.isNumber()) {
      throw wrong(present(keys), value, "a number");
    }
    return value.doubleValue();
  }

  double numberOr(double otherwise, String key) {
    return has(key) ? number(key) : otherwise;
  }

  boolean bool(String key) {
    JsonNode value = required(key);
    if (!value.isBoolean()) {
      throw wrong(key, value, "true or false");
    }
    return value.booleanValue();
  }

  boolean boolOr(boolean otherwise, String key) {
    return has(key) ? bool(key) : otherwise;
  }

  String text(String... keys) {
    JsonNode value = required(keys);
    if (!value.isString()) {
      throw wrong(present(keys), value, "a string");
    }
    return value.asString();
  }

  @Nullable String textOrNull(String key) {
    return has(key) ? text(key) : null;
  }

  @Nullable Integer integerOrNull(String key) {
    return has(key) ? (Integer) integer(key) : null;
  }

  /** A list of integers; one integer alone counts as a list; absent is empty. */
  List<Integer> integers(String key) {
    JsonNode value = value(key);
    if (value == null) {
      return List.of();
    }
    if (!value.isArray()) {
      return List.of(integer(key));
    }
    List<Integer> list = new ArrayList<>();
    for (JsonNode element : value) {
      if (!element.isInt()) {
        throw wrong(key, value, "a list of integers");
      }
      list.add(element.intValue());
    }
    return list;
  }

  /** The object under {@code key}, or null. */
  @Nullable JsonFields child(String key) {
    JsonNode value = value(key);
    if (value == null) {
      return null;
    }
    if (value instanceof ObjectNode child) {
      return new JsonFields(file, child);
    }
    throw wrong(key, value, "an object");
  }

  /** Refuses a file whose {@code key} asks for something that no model here does. */
  void only(String key, String expected) {
    JsonNode value = value(key);
    if (value != null && !value.asString("").equalsIgnoreCase(expected)) {
      throw wrong(key, value, expected + ", the only one supported");
    }
  }

  CheckpointException wrong(String key, JsonNode value, String expected) {
    String shown = value.toString();
    return new CheckpointException(
        file,
        "key '%s' is %s, expected %s"
            .formatted(
                key, shown.length() > 100 ? shown.substring(0, 100) + "…" : shown, expected));
  }

  private @Nullable JsonNode value(String key) {
    JsonNode value = object.get(key);
    return value == null || value.isNull() ? null : value;
  }

  private JsonNode required(String... keys) {
    for (String key : keys) {
      JsonNode value = value(key);
      if (value != null) {
        return value;
      }
    }
    throw new CheckpointException(file, "key '" + String.join("' or '", keys) + "' is missing");
  }

  private String present(String... keys) {
    for (String key : keys) {
      if (has(key)) {
        return key;
      }
    }
    return keys[0];
  }
}
