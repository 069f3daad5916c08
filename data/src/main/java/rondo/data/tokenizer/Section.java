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
  /** Tables are as long as the largest id; no vocabulary comes near this. */
  private static final int LARGEST_ID = (1 << 24) - 1;

  /** The object under {@code key}, or null where it is absent or null. */
  @Nullable Section child(String key) {
    JsonNode value = node.get(key);
    return value == null || value.isNull() ? null : new Section(file, key, value);
  }

  /** The members of the list under {@code key}, each named by that key. */
  List<Section> children(String key) {
    List<Section> result = new ArrayList<>();
    for (JsonNode value : list(key)) {
      result.add(new Section(file, key, value));
    }
    return result;
  }

  /** The list under {@code key}. */
  JsonNode list(String key) {
    JsonNode value = require(key);
    if (!value.isArray()) {
      throw wrong("\"" + key + "\" is " + value.getNodeType() + ", expected a list");
    }
    return value;
  }

  String type() {
    return text("type");
  }

  String text(String key) {
    return text(key, require(key));
  }

  private String text(String key, JsonNode value) {
    if (!value.isString()) {
      throw wrong("\"" + key + "\" is " + value.getNodeType() + ", expected a string");
    }
    return value.stringValue();
  }

  int integer(String key) {
    JsonNode value = require(key);
    if (!value.isIntegralNumber() || !value.canConvertToInt()) {
      throw wrong("\"" + key + "\" is " + value + ", expected a whole number");
    }
    return value.intValue();
  }

  /** The id of a token, which stands under {@code key}. */
  int id(String key) {
    return id("\"" + key + "\"", require(key));
  }

  /** A value as the id of a token; {@code what} is what messages call it. */
  int id(String what, JsonNode value) {
    if (!value.isIntegralNumber()
        || !value.canConvertToInt()
        || value.intValue() < 0
        || value.intValue() > LARGEST_ID) {
      throw wrong(what + " is " + value + ", expected a whole number from 0 to " + LARGEST_ID);
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

  /** The text of {@code {"String": …}} under "pattern", or null where it is no such pattern. */
  @Nullable String literalPattern() {
    JsonNode literal = require("pattern").get("String");
    return literal == null ? null : text("String", literal);
  }

  /** The regular expression that {@code {"Regex": …}} or {@code {"String": …}} stands for. */
  Pattern pattern() {
    String literal = literalPattern();
    if (literal != null) {
      return Pattern.compile(literal, Pattern.LITERAL);
    }
    JsonNode value = require("pattern");
    JsonNode regex = value.get("Regex");
    if (regex == null) {
      throw wrong("a pattern is " + value + ", expected {\"String\": …} or {\"Regex\": …}");
    }
    String expression = text("Regex", regex);
    try {
      // Unicode's meaning of \s and (?i), as in the Rust library.
      return Pattern.compile(expression, Pattern.UNICODE_CHARACTER_CLASS);
    } catch (PatternSyntaxException e) {
      String at = e.getDescription() + " at " + e.getIndex();
      throw wrong("Java cannot read the pattern " + expression + " (" + at + ")");
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
