package rondo.nn.checkpoint;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import tools.jackson.core.JacksonException;
import tools.jackson.core.StreamReadFeature;
import tools.jackson.core.util.DefaultIndenter;
import tools.jackson.core.util.DefaultPrettyPrinter;
import tools.jackson.databind.DeserializationFeature;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.exc.MismatchedInputException;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/** Small JSON files, read strictly and written atomically. */
final class JsonFiles {
  private static final JsonMapper JSON =
      JsonMapper.builder()
          .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
          .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
          .build();

  private JsonFiles() {}

  static ObjectNode object() {
    return JSON.createObjectNode();
  }

  /** Reads a file of at most {@code limit} bytes that holds one JSON object. */
  static ObjectNode read(Path file, long limit) {
    if (!Files.isRegularFile(file)) {
      throw new CheckpointException(file, Files.exists(file) ? "not a file" : "no such file");
    }
    try {
      long size = Files.size(file);
      if (size > limit) {
        throw new CheckpointException(
            file, "%d bytes of JSON, expected at most %d".formatted(size, limit));
      }
      JsonNode root = JSON.readTree(Files.readAllBytes(file));
      if (root instanceof ObjectNode object) {
        return object;
      }
      throw new CheckpointException(file, "not a JSON object");
    } catch (MismatchedInputException e) { // Of a tree's reader, it can only be trailing tokens.
      throw new CheckpointException(file, "more than one JSON value", e);
    } catch (JacksonException e) {
      throw new CheckpointException(file, "not valid JSON: " + e.getOriginalMessage(), e);
    } catch (IOException e) {
      throw new CheckpointException(file, "cannot read: " + CheckpointException.reason(e), e);
    }
  }

  static void write(Path file, ObjectNode object) {
    // The indenter's default is the platform's line end; the same model must give the same bytes.
    DefaultIndenter indenter = new DefaultIndenter("  ", "\n");
    DefaultPrettyPrinter printer = new DefaultPrettyPrinter().withObjectIndenter(indenter);
    String json = JSON.writer().with(printer).writeValueAsString(object);
    AtomicFiles.write(file, (json + "\n").getBytes(StandardCharsets.UTF_8));
  }
}
