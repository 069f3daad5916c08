package rondo.nn.checkpoint;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SafetensorsFileTest {
  @TempDir Path folder;

  /** A file of one tensor; the header's odd length leaves the data unaligned on purpose. */
  private SafetensorsFile file(String dtype, int count, int bytes, Consumer<ByteBuffer> fill) {
    String header =
        "{\"t\":{\"dtype\":\"%s\",\"shape\":[%d],\"data_offsets\":[0,%d]}}"
            .formatted(dtype, count, count * bytes);
    header += " ".repeat(1 + header.length() % 2);
    byte[] json = header.getBytes(StandardCharsets.UTF_8);
    ByteBuffer all =
        ByteBuffer.allocate(8 + json.length + count * bytes).order(ByteOrder.LITTLE_ENDIAN);
    fill.accept(all.putLong(json.length).put(json));
    Path path = folder.resolve(dtype);
    try {
      Files.write(path, all.array());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return SafetensorsFile.open(path);
  }

  private static StoredTensor only(SafetensorsFile file) {
    return file.tensors().values().iterator().next();
  }

  private static void assertSameBits(float expected, float found, int index) {
    assertEquals(Float.floatToIntBits(expected), Float.floatToIntBits(found), "value " + index);
  }

  @Test
  void everyFloat16BecomesItsFloat() {
    try (SafetensorsFile file =
        file(
            "F16",
            65536,
            2,
            all -> {
              for (int i = 0; i < 65536; i++) {
                all.putShort((short) i);
              }
            })) {
      float[] values = only(file).readFloats();
      for (int i = 0; i < 65536; i++) {
        assertSameBits(Float.float16ToFloat((short) i), values[i], i);
      }
    }
  }

  @Test
  void everyBfloat16BecomesTheFloatOfItsBits() {
    try (SafetensorsFile file =
        file(
            "BF16",
            65536,
            2,
            all -> {
              for (int i = 0; i < 65536; i++) {
                all.putShort((short) i);
              }
            })) {
      float[] values = only(file).readFloats();
      for (int i = 0; i < 65536; i++) {
        assertEquals(i << 16, Float.floatToRawIntBits(values[i]));
        if (!Float.isNaN(values[i])) {
          assertEquals((short) i, Conversions.toBfloat16(values[i]), "round trip");
        }
      }
    }
  }

  @Test
  void doublesAreRoundedToFloats() {
    double[] given = {0, -0.0, 1.0 / 3, 1e-45, 1e300, -1e300, Double.NaN, Double.MIN_VALUE, 1e-40};
    try (SafetensorsFile file =
        file(
            "F64",
            given.length,
            8,
            all -> {
              for (double value : given) {
                all.putDouble(value);
              }
            })) {
      float[] values = only(file).readFloats();
      for (int i = 0; i < given.length; i++) {
        assertSameBits((float) given[i], values[i], i);
      }
    }
  }

  @Test
  void floatsKeepTheirBits() {
    int[] bits = {0, 1, 0x80000000, 0x7f800000, 0xff800000, 0x7fc00001, 0x00400000, 0x3f800000};
    try (SafetensorsFile file =
        file(
            "F32",
            bits.length,
            4,
            all -> {
              for (int value : bits) {
                all.putInt(value);
              }
            })) {
      float[] values = only(file).readFloats();
      for (int i = 0; i < bits.length; i++) {
        assertEquals(bits[i], Float.floatToRawIntBits(values[i]));
      }
    }
  }

  @Test
  void integersAreReadAndCheckedAgainstTheirRange() {
    try (SafetensorsFile file =
        file(
            "I64",
            3,
            8,
            all -> all.putLong(-100).putLong(Integer.MAX_VALUE).putLong(Integer.MIN_VALUE))) {
      assertArrayEquals(
          new int[] {-100, Integer.MAX_VALUE, Integer.MIN_VALUE}, only(file).readInts());
      Samples.assertFault(() -> only(file).readFloats(), "I64", "tensor 't' is I64; expected F32");
    }
    try (SafetensorsFile file = file("I64", 2, 8, all -> all.putLong(1).putLong(1L << 31))) {
      Samples.assertFault(() -> only(file).readInts(), "holds 2147483648 at 1");
    }
    try (SafetensorsFile file = file("I32", 2, 4, all -> all.putInt(7).putInt(-7))) {
      assertArrayEquals(new int[] {7, -7}, only(file).readInts());
    }
    try (SafetensorsFile file = file("U8", 2, 1, all -> all.put((byte) 7).put((byte) 8))) {
      Samples.assertFault(() -> only(file).readInts(), "is U8; expected I64 or I32");
    }
  }

  @Test
  void rowsAreCopiedWhereTheyAreWanted() {
    Path path = folder.resolve("rows");
    float[] values = {0, 1, 2, 3, 4, 5, 6, 7};
    SafetensorsWriter.write(
        path,
        List.of(
            TensorToWrite.f32("a", MemorySegment.ofArray(values), 4, 2),
            TensorToWrite.bf16("b", MemorySegment.ofArray(values), 2, 2, 2)));
    try (SafetensorsFile file = SafetensorsFile.open(path)) {
      StoredTensor a = file.require("a");
      StoredTensor b = file.require("b");
      float[] to = new float[9];
      a.copyRows(2, 2, MemorySegment.ofArray(to), 0);
      b.copyRows(0, 1, MemorySegment.ofArray(to), 5);
      assertArrayEquals(new float[] {4, 5, 6, 7, 0, 0, 1, 2, 3}, to);
      MemorySegment target = MemorySegment.ofArray(to);
      assertThrows(IllegalArgumentException.class, () -> a.copyRows(3, 2, target, 0));
      assertThrows(IllegalArgumentException.class, () -> a.copyRows(-1, 2, target, 0));
      assertThrows(IllegalArgumentException.class, () -> a.copyRows(0, -1, target, 0));
      assertThrows(IllegalArgumentException.class, () -> a.copyTo(target, 2));
      assertThrows(IllegalArgumentException.class, () -> a.copyTo(target, -1));
    }
  }

  @Test
  void emptyFilesScalarsAndTensorsWithoutElementsAreSound() {
    Path path = Samples.safetensors(folder.resolve("empty"), "{}", 0);
    try (SafetensorsFile file = SafetensorsFile.open(path)) {
      assertEquals(Map.of(), file.tensors());
    }
    String header =
        "{\"z\":{\"dtype\":\"F32\",\"shape\":[0,5],\"data_offsets\":[4,4]},"
            + "\"s\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[0,4]},"
            + "\"__metadata__\":{\"format\":\"pt\"}}  ";
    Samples.safetensors(path, header, 4);
    try (SafetensorsFile file = SafetensorsFile.open(path)) {
      assertEquals(List.of("s", "z"), List.copyOf(file.tensors().keySet()), "the file's order");
      assertArrayEquals(new float[] {0}, file.require("s").readFloats());
      assertArrayEquals(new float[0], file.require("z").readFloats());
      assertEquals(Map.of("format", "pt"), file.metadata());
    }
  }

  @Test
  void tensorsDieWithTheirFile() {
    SafetensorsFile file = file("F32", 1, 4, all -> all.putFloat(1));
    StoredTensor tensor = only(file);
    file.close();
    file.close();
    assertThrows(IllegalStateException.class, tensor::readFloats);
  }

  @Test
  void everyRealFileIsSound() throws IOException {
    Path shared = Samples.shared("golden");
    try (var paths = Files.walk(shared)) {
      for (Path path : paths.filter(p -> p.toString().endsWith(".safetensors")).toList()) {
        try (SafetensorsFile file = SafetensorsFile.open(path)) {
          for (StoredTensor tensor : file.tensors().values()) {
            if (tensor.type() == StoredType.F32) {
              tensor.readFloats();
            } else {
              tensor.readInts();
            }
          }
        }
      }
    }
  }
}
