package rondo.nn.checkpoint;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SafetensorsWriterTest {
  @TempDir Path folder;

  private static MemorySegment floats(float... values) {
    return MemorySegment.ofArray(values);
  }

  @Test
  void whatIsWrittenIsRead() {
    Path path = folder.resolve("model.safetensors");
    SafetensorsWriter.write(
        path,
        List.of(
            TensorToWrite.bf16("half", floats(1, -2, 0.5f), 3),
            TensorToWrite.f32("full", floats(1.1f, Float.NaN, -0f, Float.MIN_VALUE), 2, 2),
            TensorToWrite.i64("ids", new long[] {1L << 40, -1}, 2),
            TensorToWrite.i32("small", new int[] {5}, 1),
            TensorToWrite.f32("none", floats(), 0, 4)));
    try (SafetensorsFile file = SafetensorsFile.open(path)) {
      assertEquals(
          List.of("ids", "full", "small", "none", "half"),
          List.copyOf(file.tensors().keySet()),
          "wider types first");
      assertEquals("pt", file.metadata().get("format"));
      assertArrayEquals(new float[] {1, -2, 0.5f}, file.require("half").readFloats());
      assertArrayEquals(
          new float[] {1.1f, Float.NaN, -0f, Float.MIN_VALUE}, file.require("full").readFloats());
      assertArrayEquals(new long[] {2, 2}, file.require("full").shape());
      assertEquals(1L << 40, file.require("ids").data().get(Conversions.LONG, 0));
      assertArrayEquals(new int[] {5}, file.require("small").readInts());
    }
  }

  @Test
  void theSameTensorsGiveTheSameAlignedBytes() throws IOException {
    List<TensorToWrite> tensors = List.of(TensorToWrite.f32("a", floats(1, 2), 2));
    Path first = folder.resolve("first");
    Path second = folder.resolve("second");
    SafetensorsWriter.write(first, tensors);
    SafetensorsWriter.write(second, tensors);
    byte[] bytes = Files.readAllBytes(first);
    assertArrayEquals(bytes, Files.readAllBytes(second));
    assertEquals(0, bytes[0] % 8, "the header is padded");
    String header =
        "{\"__metadata__\":{\"format\":\"pt\"},"
            + "\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}";
    assertEquals(header, new String(bytes, 8, header.length(), StandardCharsets.UTF_8));
  }

  @Test
  void bfloat16IsRoundedToNearestTiesToEven() {
    assertBfloat16(0x3f80, 0x3f808000, "a tie goes down to even");
    assertBfloat16(0x3f82, 0x3f818000, "a tie goes up to even");
    assertBfloat16(0x3f81, 0x3f808001, "above the tie");
    assertBfloat16(0x3f80, 0x3f807fff, "below the tie");
    assertBfloat16(0x7f80, 0x7f7fffff, "the largest float becomes infinity");
    assertBfloat16(0x7f80, 0x7f800000, "infinity");
    assertBfloat16(0xff80, 0xff800000, "minus infinity");
    assertBfloat16(0x7fc0, 0x7f800001, "a NaN whose payload is cut off stays one");
    assertBfloat16(0xffff, 0xffffffff, "a NaN does not wrap round");
    assertBfloat16(0x0000, 0x00008000, "half the least subnormal goes to even");
    assertBfloat16(0x0001, 0x00008001, "subnormals round like others");
    assertBfloat16(0x8000, 0x80000000, "minus zero");
  }

  private static void assertBfloat16(int expected, int bits, String what) {
    assertEquals((short) expected, Conversions.toBfloat16(Float.intBitsToFloat(bits)), what);
  }

  @Test
  void tensorsLargerThanAPieceAreWrittenPieceByPiece() {
    int count = 2 * (1 << 20) + 17;
    Path path = folder.resolve("large");
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment memory = arena.allocate(4L * count, 4);
      for (int i = 0; i < count; i++) {
        memory.setAtIndex(Conversions.FLOAT, i, i % 251);
      }
      SafetensorsWriter.write(
          path,
          List.of(TensorToWrite.f32("a", memory, count), TensorToWrite.bf16("b", memory, count)));
    }
    try (SafetensorsFile file = SafetensorsFile.open(path)) {
      float[] a = file.require("a").readFloats();
      float[] b = file.require("b").readFloats();
      for (int i = 0; i < count; i++) {
        assertTrue(a[i] == i % 251 && b[i] == i % 251, "value " + i);
      }
    }
  }

  @Test
  void aFailureLeavesTheOldFileAndNothingElse() throws IOException {
    Path path = Samples.text(folder.resolve("model.safetensors"), "old");
    TensorToWrite failing =
        TensorToWrite.f32(
            "a",
            (first, to) -> {
              throw new UncheckedIOException(new IOException("device lost"));
            },
            8);
    assertThrows(UncheckedIOException.class, () -> SafetensorsWriter.write(path, List.of(failing)));
    assertEquals("old", Files.readString(path));
    try (var files = Files.list(folder)) {
      assertEquals(List.of(path), files.toList());
    }
  }

  @Test
  void mistakesOfTheCallerAreRefused() {
    Path path = folder.resolve("never");
    assertThrows(IllegalArgumentException.class, () -> TensorToWrite.f32("a", floats(1, 2), 3));
    assertThrows(IllegalArgumentException.class, () -> TensorToWrite.f32("a", floats(1), -1));
    assertThrows(
        IllegalArgumentException.class,
        () -> TensorToWrite.f32("a", (first, to) -> {}, 1L << 31, 1L << 31));
    TensorToWrite a = TensorToWrite.f32("a", floats(1), 1);
    assertThrows(
        IllegalArgumentException.class, () -> SafetensorsWriter.write(path, List.of(a, a)));
    TensorToWrite reserved = TensorToWrite.f32("__metadata__", floats(1), 1);
    assertThrows(
        IllegalArgumentException.class, () -> SafetensorsWriter.write(path, List.of(reserved)));
  }
}
