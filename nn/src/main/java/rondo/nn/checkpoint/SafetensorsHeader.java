package rondo.nn.checkpoint;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.core.JsonParser;
import tools.jackson.core.JsonToken;
import tools.jackson.core.ObjectReadContext;
import tools.jackson.core.StreamReadConstraints;
import tools.jackson.core.StreamReadFeature;
import tools.jackson.core.json.JsonFactory;

/** The JSON header of a safetensors file, checked entry by entry before any tensor is believed. */
final class SafetensorsHeader {
  private static final String METADATA = "__metadata__";

  /** Header, entry, list: nothing valid is deeper. */
  private static final int DEEPEST = 3;

  private static final int MOST_DIMENSIONS = 32;

  private static final JsonFactory JSON =
      JsonFactory.builder()
          .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
          .streamReadConstraints(StreamReadConstraints.builder().maxNestingDepth(DEEPEST).build())
          .build();

  private final Path file;
  private final long dataBytes;
  private final List<Entry> entries = new ArrayList<>();
  private final Map<String, String> metadata = new LinkedHashMap<>();

  private SafetensorsHeader(Path file, long dataBytes) {
    this.file = file;
    this.dataBytes = dataBytes;
  }

  /** One tensor; {@code begin} and {@code end} count bytes from the end of the header. */
  @SuppressWarnings("ArrayRecordComponent") // Never compared and never leaves the package.
  record Entry(String name, StoredType type, long[] shape, long begin, long end) {}

  /** Reads a header whose file holds {@code dataBytes} bytes after it. */
  static SafetensorsHeader parse(Path file, String json, long dataBytes) {
    SafetensorsHeader header = new SafetensorsHeader(file, dataBytes);
    try (JsonParser parser = JSON.createParser(ObjectReadContext.empty(), json)) {
      header.readAll(parser);
    } catch (JacksonException e) {
      throw new CheckpointException(
          file, "the header is not valid JSON: " + e.getOriginalMessage(), e);
    }
    header.entries.sort(Comparator.comparingLong(Entry::begin).thenComparingLong(Entry::end));
    header.checkCover();
    return header;
  }

  /** The tensors in the order of their bytes. */
  List<Entry> entries() {
    return entries;
  }

  Map<String, String> metadata() {
    return metadata;
  }

  private void readAll(JsonParser parser) {
    if (parser.nextToken() != JsonToken.START_OBJECT) {
      throw new CheckpointException(file, "the header is not a JSON object");
    }
    for (String name = parser.nextName(); name != null; name = parser.nextName()) {
      parser.nextToken();
      if (name.equals(METADATA)) {
        readMetadata(parser);
      } else {
        entries.add(readEntry(name, parser));
      }
    }
    if (parser.nextToken() != null) {
      throw new CheckpointException(file, "the header goes on after its JSON object");
    }
  }

  private void readMetadata(JsonParser parser) {
    if (parser.currentToken() != JsonToken.START_OBJECT) {
      throw new CheckpointException(file, METADATA + " is not a map of strings");
    }
    for (String key = parser.nextName(); key != null; key = parser.nextName()) {
      if (parser.nextToken() != JsonToken.VALUE_STRING) {
        throw new CheckpointException(
            file, METADATA + " key '" + key + "' is " + found(parser) + "; expected a string");
      }
      metadata.put(key, parser.getString());
    }
  }

  private Entry readEntry(String name, JsonParser parser) {
    if (parser.currentToken() != JsonToken.START_OBJECT) {
      throw fault(name, "found " + found(parser) + ", expected an object");
    }
    StoredType type = null;
    long[] shape = null;
    long[] offsets = null;
    for (String key = parser.nextName(); key != null; key = parser.nextName()) {
      parser.nextToken();
      switch (key) {
        case "dtype" -> type = readType(name, parser);
        case "shape" -> shape = readIntegers(name, key, parser);
        case "data_offsets" -> offsets = readIntegers(name, key, parser);
        default ->
            throw fault(name, "unknown key '" + key + "', expected dtype, shape and data_offsets");
      }
    }
    return checked(name, type, shape, offsets);
  }

  private StoredType readType(String name, JsonParser parser) {
    String text = parser.currentToken() == JsonToken.VALUE_STRING ? parser.getString() : "";
    StoredType type = StoredType.named(text);
    if (type == null) {
      throw fault(
          name,
          "dtype is %s, expected one of %s"
              .formatted(
                  text.isEmpty() ? found(parser) : "'" + text + "'",
                  Arrays.toString(StoredType.values())));
    }
    return type;
  }

  private long[] readIntegers(String name, String key, JsonParser parser) {
    if (parser.currentToken() != JsonToken.START_ARRAY) {
      throw fault(name, key + " is " + found(parser) + ", expected a list of integers");
    }
    long[] values = new long[4];
    int count = 0;
    while (parser.nextToken() != JsonToken.END_ARRAY) {
      if (parser.currentToken() != JsonToken.VALUE_NUMBER_INT
          || parser.getNumberType() == JsonParser.NumberType.BIG_INTEGER
          || parser.getLongValue() < 0) {
        throw fault(name, key + " holds " + found(parser) + ", expected integers from 0 to 2^63-1");
      }
      if (count == MOST_DIMENSIONS) {
        throw fault(name, "%s has more than %d numbers".formatted(key, MOST_DIMENSIONS));
      }
      values = count < values.length ? values : Arrays.copyOf(values, 2 * count);
      values[count++] = parser.getLongValue();
    }
    return Arrays.copyOf(values, count);
  }

  private Entry checked(
      String name, @Nullable StoredType type, long @Nullable [] shape, long @Nullable [] offsets) {
    if (type == null || shape == null || offsets == null) {
      String missing = type == null ? "dtype" : shape == null ? "shape" : "data_offsets";
      throw fault(name, missing + " is missing");
    }
    if (offsets.length != 2 || offsets[0] > offsets[1]) {
      throw fault(
          name, "data_offsets are %s, expected [begin, end]".formatted(Arrays.toString(offsets)));
    }
    if (offsets[1] > dataBytes) {
      throw fault(
          name,
          "data ends at byte %d, expected at most %d (the file is cut short)"
              .formatted(offsets[1], dataBytes));
    }
    long expected = bytes(name, type, shape);
    if (offsets[1] - offsets[0] != expected) {
      throw fault(
          name,
          "data_offsets hold %d bytes, expected %d for %s %s"
              .formatted(offsets[1] - offsets[0], expected, type, Arrays.toString(shape)));
    }
    return new Entry(name, type, shape, offsets[0], offsets[1]);
  }

  private long bytes(String name, StoredType type, long[] shape) {
    try {
      long bytes = type.bytes();
      for (long size : shape) {
        bytes = Math.multiplyExact(bytes, size);
      }
      return bytes;
    } catch (ArithmeticException _) {
      throw fault(name, "shape " + Arrays.toString(shape) + " overflows 63 bits of bytes");
    }
  }

  /** The format wants every byte after the header to belong to exactly one tensor. */
  private void checkCover() {
    long end = 0;
    String previous = "the header";
    for (Entry entry : entries) {
      if (entry.begin != end) {
        throw fault(
            entry.name,
            "data begins at byte %d, expected %d (%s '%s')"
                .formatted(
                    entry.begin,
                    end,
                    entry.begin < end ? "it overlaps" : "there is a gap after",
                    previous));
      }
      end = entry.end;
      previous = entry.name;
    }
    if (end != dataBytes) {
      throw new CheckpointException(
          file, "%d bytes after the last tensor, expected none".formatted(dataBytes - end));
    }
  }

  private CheckpointException fault(String tensor, String problem) {
    String shown = tensor.length() > 200 ? tensor.substring(0, 200) + "…" : tensor;
    return new CheckpointException(file, "tensor '" + shown + "': " + problem);
  }

  private static String found(JsonParser parser) {
    return switch (parser.currentToken()) {
      case START_OBJECT -> "an object";
      case START_ARRAY -> "a list";
      case VALUE_STRING -> "a string";
      case VALUE_NULL -> "null";
      case null -> "nothing";
      default -> parser.getString();
    };
  }
}
