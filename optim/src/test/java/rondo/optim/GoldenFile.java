package rondo.optim;

import static org.junit.jupiter.api.Assumptions.abort;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import rondo.engine.device.Device;
import rondo.engine.device.Devices;
import rondo.engine.graph.TensorType;

/**
 * The f32 tensors and the text of {@code shared/golden/optim}: this module reads no other files.
 */
record GoldenFile(Map<String, Values> tensors, String json) {
  /** One tensor. */
  record Values(TensorType type, ByteBuffer bytes) {
    float[] floats() {
      var floats = new float[Math.toIntExact(type.shape().size())];
      bytes.duplicate().order(ByteOrder.LITTLE_ENDIAN).asFloatBuffer().get(floats);
      return floats;
    }
  }

  private static final Pattern ENTRY =
      Pattern.compile(
          "\"([^\"]+)\":\\s*\\{\"dtype\":\\s*\"F32\",\\s*\"shape\":\\s*\\[([^\\]]*)\\],"
              + "\\s*\"data_offsets\":\\s*\\[(\\d+),\\s*(\\d+)\\]\\}");

  /** Reads the folder; the test is skipped where it is absent. */
  static GoldenFile open() {
    var folder = folder();
    try {
      var all =
          ByteBuffer.wrap(Files.readAllBytes(folder.resolve("expected.safetensors")))
              .order(ByteOrder.LITTLE_ENDIAN);
      var header = new byte[Math.toIntExact(all.getLong())];
      all.get(header);
      var data = all.slice();
      var tensors = new LinkedHashMap<String, Values>();
      var entry = ENTRY.matcher(new String(header, StandardCharsets.UTF_8));
      while (entry.find()) {
        int begin = Integer.parseInt(entry.group(3));
        int end = Integer.parseInt(entry.group(4));
        var dims =
            Stream.of(entry.group(2).split(",", -1))
                .mapToInt(d -> Integer.parseInt(d.strip()))
                .toArray();
        tensors.put(
            entry.group(1), new Values(TensorType.f32(dims), data.slice(begin, end - begin)));
      }
      return new GoldenFile(tensors, Files.readString(folder.resolve("expected.json")));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static Path folder() {
    Path file = Path.of(System.getProperty("rondo.shared", "../../shared"), "golden", "optim");
    assumeTrue(Files.exists(file), file + " is absent (-Drondo.shared=FOLDER)");
    return file;
  }

  Values require(String name) {
    var values = tensors.get(name);
    if (values == null) {
      throw new AssertionError("no tensor " + name);
    }
    return values;
  }

  /** The device of that name on two threads; the test is skipped where it is not usable. */
  static Device device(String name) {
    try {
      // -Drondo.gpu=cuda runs on a GPU what otherwise stands in for one.
      var on = name.equals("emulated") ? System.getProperty("rondo.gpu", name) : name;
      return Devices.open(on, 2);
    } catch (IllegalStateException e) {
      return abort(e.getMessage());
    }
  }
}
