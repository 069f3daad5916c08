package rondo.nn;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import rondo.engine.device.Device;
import rondo.nn.checkpoint.BaseConfig;
import rondo.nn.checkpoint.BlockConfig;
import rondo.nn.checkpoint.CheckpointException;
import rondo.nn.checkpoint.RecurrentConfig;
import rondo.nn.checkpoint.SafetensorsFile;
import rondo.nn.checkpoint.SafetensorsWriter;
import rondo.nn.checkpoint.StoredTensor;
import rondo.nn.checkpoint.StoredType;
import rondo.nn.checkpoint.Surgery;
import rondo.nn.checkpoint.TensorToWrite;
import rondo.nn.checkpoint.TokenIds;

/** Weights to files and back: every value the same bits, whatever the file looks like. */
class WeightFilesTest {
  private static final String[] NAMES = {
    "llama-retrofit", "olmo2-retrofit", "huginn", "llama-tied"
  };

  @TempDir Path temporary;

  private static Path folder(String name) {
    return Path.of("src/test/resources/vectors").toAbsolutePath().resolve(name);
  }

  private static void assertSame(Device device, Weights expected, Weights actual) {
    assertEquals(expected.model(), actual.model());
    for (var p : expected.model().parameters()) {
      assertArrayEquals(device.floats(expected.of(p)), device.floats(actual.of(p)), p.name());
    }
  }

  @ParameterizedTest(name = "{0}")
  @ValueSource(strings = {"llama-retrofit", "olmo2-retrofit", "huginn", "llama-tied"})
  void whatIsSavedIsLoadedAgain(String name) {
    try (var device = Device.plain();
        var weights = WeightFiles.load(folder(name), device)) {
      assertEquals(List.of(), weights.notes());
      WeightFiles.save(weights, temporary, WeightFiles.Precision.F32);
      try (var again = WeightFiles.load(temporary, device);
          var before = SafetensorsFile.open(folder(name).resolve("model.safetensors"));
          var after = SafetensorsFile.open(temporary.resolve("model.safetensors"))) {
        assertSame(device, weights, again);
        assertEquals(
            before.tensors().keySet().stream().sorted().toList(),
            after.tensors().keySet().stream().sorted().toList());
      }
    }
  }

  /** A base has other names and splits than a model in memory. */
  @Test
  void aGoldenBaseIsSavedUnderItsOwnNames() {
    for (var name : List.of("llama-base", "llama3-base", "olmo2-base")) {
      var folder = Golden.folder(name);
      try (var device = Device.plain();
          var weights = WeightFiles.load(folder, device)) {
        var to = temporary.resolve(name);
        assertTrue(to.toFile().mkdir());
        WeightFiles.save(weights, to, WeightFiles.Precision.F32);
        try (var again = WeightFiles.load(to, device);
            var before = SafetensorsFile.open(folder.resolve("model.safetensors"));
            var after = SafetensorsFile.open(to.resolve("model.safetensors"))) {
          assertSame(device, weights, again);
          for (var stored : after.tensors().values()) {
            assertArrayEquals(
                before.require(stored.name()).readFloats(), stored.readFloats(), stored.name());
          }
        }
      }
    }
  }

  @Test
  void shardsAreOneModel() throws IOException {
    for (var name : NAMES) {
      var to = Files.createDirectory(temporary.resolve(name));
      Files.copy(folder(name).resolve("config.json"), to.resolve("config.json"));
      try (var device = Device.plain();
          var file = SafetensorsFile.open(folder(name).resolve("model.safetensors"))) {
        var shards = List.of(new ArrayList<TensorToWrite>(), new ArrayList<TensorToWrite>());
        var index = new StringBuilder("{\"metadata\": {}, \"weight_map\": {");
        int i = 0;
        for (var stored : file.tensors().values()) {
          shards.get(i % 2).add(TensorToWrite.f32(stored.name(), stored.data(), stored.shape()));
          index.append(i == 0 ? "" : ", ");
          index.append("\"%s\": \"shard-%d.safetensors\"".formatted(stored.name(), i % 2));
          i++;
        }
        Files.writeString(to.resolve("model.safetensors.index.json"), index.append("}}"));
        for (int shard = 0; shard < 2; shard++) {
          SafetensorsWriter.write(to.resolve("shard-" + shard + ".safetensors"), shards.get(shard));
        }
        try (var whole = WeightFiles.load(folder(name), device);
            var sharded = WeightFiles.load(to, device)) {
          assertSame(device, whole, sharded);
        }
      }
    }
  }

  @Test
  void savingInBf16RoundsEveryValueToTheNearest() {
    try (var device = Device.plain();
        var weights = WeightFiles.load(folder("huginn"), device)) {
      WeightFiles.save(weights, temporary, WeightFiles.Precision.BF16);
      try (var rounded = WeightFiles.load(temporary, device)) {
        for (var p : weights.model().parameters()) {
          var before = device.floats(weights.of(p));
          var after = device.floats(rounded.of(p));
          for (int i = 0; i < before.length; i++) {
            assertEquals(0, Float.floatToRawIntBits(after[i]) & 0xffff, p.name());
            assertEquals(before[i], after[i], Math.abs(before[i]) / 256, p.name());
          }
        }
        assertEquals("bfloat16", rounded.model().config().dtype());
        // Rounded once, it stays as it is.
        var again = temporary.resolve("again");
        assertTrue(again.toFile().mkdir());
        WeightFiles.save(rounded, again, WeightFiles.Precision.BF16);
        try (var twice = WeightFiles.load(again, device)) {
          assertSame(device, rounded, twice);
        }
        WeightFiles.save(rounded, again, WeightFiles.Precision.F32);
        try (var wide = WeightFiles.load(again, device)) {
          assertEquals("float32", wide.model().config().dtype());
        }
      }
    }
  }

  @Test
  void halfPrecisionSourcesAreReadExactly() throws IOException {
    Files.copy(folder("huginn").resolve("config.json"), temporary.resolve("config.json"));
    try (var device = Device.plain();
        var file = SafetensorsFile.open(folder("huginn").resolve("model.safetensors"))) {
      Files.write(temporary.resolve("model.safetensors"), halves(file));
      try (var weights = WeightFiles.load(temporary, device)) {
        for (var p : weights.model().parameters()) {
          var expected = file.require(p.name()).readFloats();
          for (int i = 0; i < expected.length; i++) {
            expected[i] = Float.float16ToFloat(Float.floatToFloat16(expected[i]));
          }
          assertArrayEquals(expected, device.floats(weights.of(p)), p.name());
        }
      }
    }
  }

  /** The same tensors as F16, which Rondo reads but never writes. */
  private static byte[] halves(SafetensorsFile file) {
    var header = new StringBuilder("{");
    int offset = 0;
    for (var stored : file.tensors().values()) {
      int end = offset + 2 * (int) stored.elements();
      header.append(header.length() == 1 ? "" : ",");
      header.append(
          "\"%s\":{\"dtype\":\"F16\",\"shape\":%s,\"data_offsets\":[%d,%d]}"
              .formatted(stored.name(), stored.shapeText(), offset, end));
      offset = end;
    }
    var json = header.append("}").toString().getBytes(java.nio.charset.StandardCharsets.UTF_8);
    var bytes = ByteBuffer.allocate(8 + json.length + offset).order(ByteOrder.LITTLE_ENDIAN);
    bytes.putLong(json.length).put(json);
    for (StoredTensor stored : file.tensors().values()) {
      assertEquals(StoredType.F32, stored.type());
      for (float value : stored.readFloats()) {
        bytes.putShort(Float.floatToFloat16(value));
      }
    }
    return bytes.array();
  }

  @Test
  void aTiedHeadIsOneParameter() throws IOException {
    try (var device = Device.plain();
        var weights = WeightFiles.load(folder("huginn"), device);
        var file = SafetensorsFile.open(folder("huginn").resolve("model.safetensors"))) {
      var model = (RecurrentModel) weights.model();
      assertEquals(model.embedding(), model.head());
      assertTrue(weights.model().parameters().stream().noneMatch(p -> p.name().startsWith("lm_")));
      // A second copy in the file is not an unexpected tensor.
      var tensors = new ArrayList<TensorToWrite>();
      file.tensors()
          .values()
          .forEach(s -> tensors.add(TensorToWrite.f32(s.name(), s.data(), s.shape())));
      var table = file.require("transformer.wte.weight");
      tensors.add(TensorToWrite.f32("lm_head.weight", table.data(), table.shape()));
      tensors.add(TensorToWrite.i64("stray", new long[] {1}, 1));
      Files.copy(folder("huginn").resolve("config.json"), temporary.resolve("config.json"));
      SafetensorsWriter.write(temporary.resolve("model.safetensors"), tensors);
      try (var again = WeightFiles.load(temporary, device)) {
        assertSame(device, weights, again);
        assertEquals(List.of("ignored 1 unexpected tensor: stray"), again.notes());
      }
    }
  }

  @Test
  void aMissingTensorIsNamed() throws IOException {
    try (var device = Device.plain();
        var file = SafetensorsFile.open(folder("llama-tied").resolve("model.safetensors"))) {
      var tensors = new ArrayList<TensorToWrite>();
      file.tensors().values().stream()
          .filter(s -> !s.name().endsWith("layers.1.mlp.up_proj.weight"))
          .forEach(s -> tensors.add(TensorToWrite.f32(s.name(), s.data(), s.shape())));
      Files.copy(folder("llama-tied").resolve("config.json"), temporary.resolve("config.json"));
      SafetensorsWriter.write(temporary.resolve("model.safetensors"), tensors);
      var e = assertThrows(CheckpointException.class, () -> WeightFiles.load(temporary, device));
      var message = String.valueOf(e.getMessage());
      assertEquals(1, message.lines().count(), message);
      assertTrue(message.contains("'model.layers.1.mlp.up_proj.weight' [23, 24]"), message);
    }
  }

  @Test
  void aConfigurationLargerThanItsFileIsRefusedBeforeAnyMemoryIsTaken() throws IOException {
    var config = Files.readString(folder("llama-tied").resolve("config.json"));
    // A table of 24 GiB.
    var hostile = config.replace("\"vocab_size\": 37", "\"vocab_size\": 268435456");
    assertTrue(!hostile.equals(config));
    Files.writeString(temporary.resolve("config.json"), hostile);
    Files.copy(
        folder("llama-tied").resolve("model.safetensors"), temporary.resolve("model.safetensors"));
    try (var device = Device.plain()) {
      var e = assertThrows(CheckpointException.class, () -> WeightFiles.load(temporary, device));
      assertTrue(
          String.valueOf(e.getMessage()).contains("[37, 24], expected [268435456, 24]"),
          e.getMessage());
    }
  }

  @Test
  void anAdapterOfAnotherShapeIsRefused() {
    var file = temporary.resolve("adapter.safetensors");
    try (var device = Device.plain();
        var loaded = WeightFiles.load(folder("llama-tied"), device);
        var arena = Arena.ofConfined();
        var base =
            Weights.allocate(
                FixedModel.of(
                    new BaseConfig(
                        loaded.model().config().block(),
                        3,
                        37,
                        32,
                        true,
                        TokenIds.NONE,
                        "float32")),
                device)) {
      // As many elements, but transposed.
      SafetensorsWriter.write(
          file,
          List.of(
              TensorToWrite.f32(
                  "transformer.adapter.weight", arena.allocate(4 * 48 * 24), 48, 24)));
      var surgery = new Surgery(List.of(0), List.of(1), List.of(2));
      var e =
          assertThrows(
              CheckpointException.class,
              () ->
                  Retrofit.of(base, surgery, new Retrofit.Adapter.FromFile(file), "base", device));
      assertTrue(
          String.valueOf(e.getMessage()).contains("[24, 48], found [48, 24]"), e.getMessage());
    }
  }

  @Test
  void randomWeightsHaveThePublishedSpread() {
    try (var device = Device.plain();
        var loaded = WeightFiles.load(folder("huginn"), device);
        var weights = Weights.allocate(loaded.model(), device);
        var other = Weights.allocate(loaded.model(), device)) {
      Initializer.fill(weights, device, 5);
      Initializer.fill(other, device, 5);
      assertSame(device, weights, other);
      var config = (RecurrentConfig) weights.model().config();
      BlockConfig block = config.block();
      double std = Math.sqrt(2.0 / (5 * block.width()));
      double out = std / Math.sqrt(2.0 * config.effectiveDepth());
      for (var p : weights.model().parameters()) {
        var values = device.floats(weights.of(p));
        if (p.name().endsWith("bias")) {
          assertArrayEquals(new float[values.length], values);
        } else if (p.shape().rank() == 1) {
          assertEquals(1, values[0]);
        } else {
          double expected = 0.98658 * (p.name().endsWith(".proj.weight") ? out : std);
          double squares = 0;
          for (float v : values) {
            squares += (double) v * v;
            assertTrue(Math.abs(v) <= 3 * expected / 0.98658 + 1e-6, p.name());
          }
          double actual = Math.sqrt(squares / values.length);
          // Five standard errors of a standard deviation.
          assertEquals(expected, actual, 5 * expected / Math.sqrt(2.0 * values.length), p.name());
        }
      }
    }
  }
}
