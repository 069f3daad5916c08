package rondo.data.tokenizer;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;
import org.jspecify.annotations.Nullable;
import rondo.data.DataException;
import tools.jackson.databind.JsonNode;

/**
 * A JSON object inside a tokenizer file, with errors that name its place.
 *
 * @param name where it stands in the file, such as {@code pre_tokenizer}
 */
record Section(Path file, String name, JsonNode node) {

  /** The object under {@code key}, or null where it is absent or null. */
  @Nullable Section child(String key) {
    JsonNode value = node.get(key);
    return value == null || value.isNull() ? null : new Section(file, key, value);
  }

  /** The members of the list under {@code key}, each named by that key. */
  List<Section> children(String key) {
    List<Section> result = new ArrayList<>();
    for (JsonNode value : require(key)) {
      result.add(new Section(file, key, value));
    }
    return result;
  }

  String type() {
    return text("type");
  }

  String text(String key) {
    JsonNode value = require(key);
    if (!value.isString()) {
      throw wrong("\"" + key + "\" is " + value.getNodeType() + ", expected a string");
    }
    return value.stringValue();
  }

  int integer(String key) {
    JsonNode value = require(key);
    if (!value.canConvertToInt()) {
      throw wrong("\"" + key + "\" is " + value + ", expected a whole number");
    }
    return value.intValue();
  }

  boolean flag(String key, boolean otherwise) {
    JsonNode value = node.get(key);
    return (value == null || !value.isBoolean()) ? otherwise : value.booleanValue();
  }

  /** The text under {@code key}, or "" where it is absent or null. */
  String textOrEmpty(String key) {
    JsonNode value = node.get(key);
    return value == null || value.isNull() ? "" : text(key);
  }

  JsonNode require(String key) {
    JsonNode value = node.get(key);
    if (value == null || value.isNull()) {
      throw wrong("\"" + key + "\" is missing");
    }
    return value;
  }

  /** The regular expression that {@code {"Regex": …}} or {@code {"String": …}} stands for. */
  Pattern pattern() {
    JsonNode value = require("pattern");
    JsonNode literal = value.get("String");
    if (literal != null) {
      return Pattern.compile(literal.stringValue(), Pattern.LITERAL);
    }
    JsonNode regex = value.get("Regex");
    if (regex == null) {
      throw wrong("a pattern is " + value + ", expected {\"String\": …} or {\"Regex\": …}");
    }
    try {
      // Unicode's meaning of \s and (?i), as in the Rust library.
      return Pattern.compile(regex.stringValue(), Pattern.UNICODE_CHARACTER_CLASS);
    } catch (PatternSyntaxException e) {
      String at = e.getDescription() + " at " + e.getIndex();
      throw wrong("Java cannot read the pattern " + regex.stringValue() + " (" + at + ")");
    }
  }

  DataException unknownType(String... known) {
    return wrong(
        "type \"" + type() + "\" is not supported; supported are " + Arrays.toString(known));
  }

  DataException wrong(String what) {
    return new DataException(file + ": " + name + ": " + what);
  }
}
