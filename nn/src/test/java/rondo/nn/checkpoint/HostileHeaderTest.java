package rondo.nn.checkpoint;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class HostileHeaderTest {
  @TempDir Path folder;

  private void assertHeaderFault(String header, int dataBytes, String... parts) {
    Path file = Samples.safetensors(folder.resolve("bad.safetensors"), header, dataBytes);
    Samples.assertFault(() -> SafetensorsFile.open(file).close(), parts);
    Samples.assertFault(() -> SafetensorsFile.open(file).close(), "bad.safetensors: ");
  }

  private static String entry(String name, String dtype, String shape, String offsets) {
    return "\"%s\":{\"dtype\":%s,\"shape\":%s,\"data_offsets\":%s}"
        .formatted(name, dtype, shape, offsets);
  }

  private static String f32(String name, String shape, String offsets) {
    return entry(name, "\"F32\"", shape, offsets);
  }

  @Test
  void aMissingFileIsNamed() {
    Samples.assertFault(
        () -> SafetensorsFile.open(folder.resolve("none.safetensors")),
        "none.safetensors",
        "no such file");
    Samples.assertFault(() -> SafetensorsFile.open(folder), "not a file");
  }

  @Test
  void aFileOfLessThanEightBytesIsRefused() {
    for (int size = 0; size < 8; size++) {
      Path file = Samples.text(folder.resolve("short"), new byte[size]);
      Samples.assertFault(() -> SafetensorsFile.open(file), size + " bytes, expected at least 8");
    }
  }

  @Test
  void aHeaderLengthOutsideTheFileIsRefused() {
    byte[] header = "{}".getBytes(StandardCharsets.UTF_8);
    Path file = folder.resolve("length");
    Samples.bytes(file, 3, header, 0);
    Samples.assertFault(() -> SafetensorsFile.open(file), "header of 3 bytes in a file of 10");
    Samples.bytes(file, 100_000_001, header, 0);
    Samples.assertFault(() -> SafetensorsFile.open(file), "header of 100000001 bytes, expected at");
    Samples.bytes(file, -1, header, 0);
    Samples.assertFault(() -> SafetensorsFile.open(file), "header of 18446744073709551615 bytes");
    Samples.bytes(file, Long.MIN_VALUE, header, 0);
    Samples.assertFault(() -> SafetensorsFile.open(file), "header of 9223372036854775808 bytes");
    Samples.bytes(file, 0, header, 0);
    Samples.assertFault(() -> SafetensorsFile.open(file), "does not begin with '{'");
  }

  @Test
  void aHeaderThatIsNotUtf8OrNotJsonIsRefused() {
    Path file = Samples.bytes(folder.resolve("bad"), 3, new byte[] {'{', (byte) 0xc3, '}'}, 0);
    Samples.assertFault(() -> SafetensorsFile.open(file), "not UTF-8");
    assertHeaderFault("{\"a\":", 0, "not valid JSON");
    assertHeaderFault("{\"a\" 1}", 0, "not valid JSON");
    assertHeaderFault("[]", 0, "does not begin with '{'");
    assertHeaderFault(" {}", 0, "does not begin with '{'");
    assertHeaderFault("{} x", 0, "not valid JSON");
    assertHeaderFault("{} {}", 0, "goes on after its JSON object");
    assertHeaderFault("{}\0", 0, "not valid JSON");
  }

  @Test
  void duplicateNamesAndKeysAreRefused() {
    String a = f32("a", "[1]", "[0,4]");
    assertHeaderFault("{" + a + "," + a + "}", 4, "uplicate", "\"a\"");
    assertHeaderFault(
        "{\"a\":{\"dtype\":\"F32\",\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[0,4]}}",
        4,
        "uplicate",
        "\"dtype\"");
    assertHeaderFault("{\"__metadata__\":{\"k\":\"1\",\"k\":\"2\"}}", 0, "uplicate", "\"k\"");
    // The same name, written another way.
    assertHeaderFault("{" + a + "," + a.replace("\"a\"", "\"\\u0061\"") + "}", 4, "uplicate");
  }

  @Test
  void anUnknownTypeIsRefused() {
    assertHeaderFault(
        "{" + entry("a", "\"F8_E4M3\"", "[1]", "[0,1]") + "}",
        1,
        "tensor 'a'",
        "'F8_E4M3'",
        "BF16");
    assertHeaderFault("{" + entry("a", "\"f32\"", "[1]", "[0,4]") + "}", 4, "dtype is 'f32'");
    assertHeaderFault("{" + entry("a", "7", "[1]", "[0,4]") + "}", 4, "dtype is 7");
    assertHeaderFault("{" + entry("a", "null", "[1]", "[0,4]") + "}", 4, "dtype is null");
  }

  @Test
  void dimensionsMustBeNonNegativeIntegers() {
    assertHeaderFault("{" + f32("a", "[-1]", "[0,4]") + "}", 4, "shape holds -1");
    assertHeaderFault("{" + f32("a", "[1.0]", "[0,4]") + "}", 4, "shape holds 1.0");
    assertHeaderFault("{" + f32("a", "[1e0]", "[0,4]") + "}", 4, "shape holds 1e0");
    assertHeaderFault("{" + f32("a", "[\"1\"]", "[0,4]") + "}", 4, "shape holds a string");
    assertHeaderFault("{" + f32("a", "[[1]]", "[0,4]") + "}", 4, "nesting depth");
    assertHeaderFault("{" + f32("a", "[null]", "[0,4]") + "}", 4, "shape holds null");
    assertHeaderFault("{" + f32("a", "4", "[0,4]") + "}", 4, "shape is 4, expected a list");
    assertHeaderFault(
        "{" + f32("a", "[9223372036854775808]", "[0,4]") + "}", 4, "shape holds 92233");
    assertHeaderFault("{" + f32("a", "[1" + "0".repeat(2000) + "]", "[0,4]") + "}", 4, "length");
  }

  @Test
  void aShapeWhoseSizeOverflowsIsRefused() {
    assertHeaderFault("{" + f32("a", "[4611686018427387904]", "[0,0]") + "}", 0, "overflows");
    assertHeaderFault("{" + f32("a", "[4294967296,4294967296]", "[0,0]") + "}", 0, "overflows");
    assertHeaderFault("{" + f32("a", "[9223372036854775807,0]", "[0,0]") + "}", 0, "overflows");
  }

  @Test
  void offsetsMustBeTwoIncreasingNumbersInsideTheFile() {
    assertHeaderFault("{" + f32("a", "[1]", "[0]") + "}", 4, "data_offsets are [0]");
    assertHeaderFault("{" + f32("a", "[1]", "[0,4,8]") + "}", 4, "data_offsets are [0, 4, 8]");
    assertHeaderFault("{" + f32("a", "[1]", "[4,0]") + "}", 4, "data_offsets are [4, 0]");
    assertHeaderFault("{" + f32("a", "[1]", "[-4,0]") + "}", 4, "data_offsets holds -4");
    assertHeaderFault("{" + f32("a", "[1]", "{}") + "}", 4, "data_offsets is an object");
    assertHeaderFault(
        "{" + f32("a", "[2]", "[0,8]") + "}", 4, "ends at byte 8, expected at most 4");
    assertHeaderFault(
        "{" + f32("a", "[1]", "[9223372036854775803,9223372036854775807]") + "}",
        4,
        "ends at byte");
  }

  @Test
  void offsetsMustHoldExactlyTheShape() {
    assertHeaderFault(
        "{" + f32("a", "[2,3]", "[0,20]") + "}", 20, "hold 20 bytes, expected 24 for F32 [2, 3]");
    assertHeaderFault("{" + f32("a", "[]", "[0,8]") + "}", 8, "expected 4 for F32 []");
    assertHeaderFault("{" + f32("a", "[0]", "[0,4]") + "}", 4, "expected 0 for F32 [0]");
  }

  @Test
  void tensorsMayNotOverlapNorLeaveGaps() {
    String a = f32("a", "[2]", "[0,8]");
    assertHeaderFault("{" + a + "," + f32("b", "[2]", "[4,12]") + "}", 12, "'b'", "overlaps 'a'");
    assertHeaderFault("{" + a + "," + f32("b", "[2]", "[0,8]") + "}", 8, "'b'", "overlaps 'a'");
    assertHeaderFault("{" + a + "," + f32("b", "[2]", "[12,20]") + "}", 20, "gap after 'a'");
    assertHeaderFault("{" + f32("b", "[2]", "[4,12]") + "}", 12, "gap after 'the header'");
    assertHeaderFault("{" + a + "}", 9, "1 bytes after the last tensor");
    assertHeaderFault("{}", 1, "1 bytes after the last tensor");
    assertHeaderFault("{" + a + "," + f32("b", "[0]", "[4,4]") + "}", 8, "'b'", "overlaps 'a'");
  }

  @Test
  void anEntryMustHaveItsThreeKeysAndNoOther() {
    assertHeaderFault("{\"a\":{}}", 0, "tensor 'a': dtype is missing");
    assertHeaderFault("{\"a\":{\"dtype\":\"F32\"}}", 0, "shape is missing");
    assertHeaderFault("{\"a\":{\"dtype\":\"F32\",\"shape\":[]}}", 0, "data_offsets is missing");
    assertHeaderFault("{\"a\":{\"strides\":[1]}}", 0, "unknown key 'strides'");
    assertHeaderFault("{\"a\":[]}", 0, "found a list, expected an object");
    assertHeaderFault("{\"a\":1}", 0, "found 1, expected an object");
  }

  @Test
  void deepNestingIsRefused() {
    String deep = "[".repeat(100_000) + "]".repeat(100_000);
    assertHeaderFault("{" + f32("a", deep, "[0,4]") + "}", 4, "nesting depth");
    assertHeaderFault("{\"__metadata__\":{\"a\":" + deep + "}}", 0, "expected a string");
    assertHeaderFault("{\"a\":".repeat(1000) + "1" + "}".repeat(1000), 0, "unknown key 'a'");
  }

  @Test
  void metadataMustBeAMapOfStrings() {
    assertHeaderFault("{\"__metadata__\":{\"a\":1}}", 0, "key 'a' is 1; expected a string");
    assertHeaderFault("{\"__metadata__\":{\"a\":{}}}", 0, "key 'a' is an object");
    assertHeaderFault("{\"__metadata__\":[]}", 0, "not a map of strings");
  }

  @Test
  void namesCannotBreakTheLineOrFloodIt() {
    assertHeaderFault("{\"a\\n\\u001b[31mb\":1}", 0, "tensor 'a\\u000a\\u001b[31mb'");
    assertHeaderFault("{\"" + "x".repeat(40_000) + "\":1}", 0, "xxx…'");
    String many = "1,".repeat(10_000) + "1";
    assertHeaderFault(
        "{" + f32("a", "[" + many + "]", "[0,8]") + "}", 8, "shape has more than 32 numbers");
  }

  @Test
  void anyDamagedByteIsAFaultOrAReadableFile() throws Exception {
    Path file = folder.resolve("sound");
    SafetensorsWriter.write(
        file,
        List.of(
            TensorToWrite.i64("a", new long[] {1, 2, 3}, 3),
            TensorToWrite.i32("b", new int[] {4, 5}, 2, 1)));
    byte[] sound = Files.readAllBytes(file);
    Random random = new Random(7);
    int refused = 0;
    for (int i = 0; i < 500; i++) {
      byte[] damaged = sound.clone();
      for (int changes = random.nextInt(3); changes >= 0; changes--) {
        damaged[random.nextInt(sound.length)] = (byte) random.nextInt(256);
      }
      Files.write(file, damaged);
      try (SafetensorsFile opened = SafetensorsFile.open(file)) {
        opened.tensors().values().forEach(tensor -> assertTrue(tensor.elements() >= 0));
      } catch (CheckpointException e) {
        assertEquals(1, String.valueOf(e.getMessage()).lines().count());
        refused++;
      }
    }
    assertTrue(refused > 300, refused + " refused");
  }
}
