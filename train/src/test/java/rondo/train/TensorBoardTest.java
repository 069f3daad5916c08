package rondo.train;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TensorBoardTest {
  @Test
  void theMaskedChecksumIsThatOfTensorFlow() {
    // CRC-32C of "123456789" is e3069283 (RFC 3720); masked: rotated right by 15, plus a282ead8.
    int crc = 0xe3069283;
    assertEquals(
        ((crc >>> 15) | (crc << 17)) + 0xa282ead8,
        TensorBoard.masked("123456789".getBytes(StandardCharsets.US_ASCII)));
  }

  @Test
  void everyRecordIsFramedAndHoldsWhatWasWritten(@TempDir Path folder) throws Exception {
    try (var board = new TensorBoard(folder, 5, 1_000)) {
      board.scalars(300, 2_500, Map.of("loss", 1.5));
    }
    Path file;
    try (var files = Files.list(folder)) {
      file = files.findFirst().orElseThrow();
    }
    var bytes = ByteBuffer.wrap(Files.readAllBytes(file)).order(ByteOrder.LITTLE_ENDIAN);
    var records = new ArrayList<byte[]>();
    while (bytes.hasRemaining()) {
      var length = new byte[8];
      bytes.get(length);
      assertEquals(TensorBoard.masked(length), bytes.getInt());
      var record = new byte[(int) ByteBuffer.wrap(length).order(ByteOrder.LITTLE_ENDIAN).getLong()];
      bytes.get(record);
      assertEquals(TensorBoard.masked(record), bytes.getInt());
      records.add(record);
    }
    assertEquals(3, records.size());
    var event = ByteBuffer.wrap(records.get(2)).order(ByteOrder.LITTLE_ENDIAN);
    assertEquals(0x09, event.get());
    assertEquals(2.5, event.getDouble());
    assertEquals(0x10, event.get());
    assertEquals(0xac, event.get() & 0xff, "300 as a varint");
    assertEquals(0x02, event.get());
    assertEquals(0x2a, event.get(), "summary");
    assertEquals(13, event.get());
    assertEquals(0x0a, event.get());
    assertEquals(11, event.get());
    assertEquals(0x0a, event.get());
    assertEquals(4, event.get());
    var tag = new byte[4];
    event.get(tag);
    assertEquals("loss", new String(tag, StandardCharsets.UTF_8));
    assertEquals(0x15, event.get());
    assertEquals(1.5f, event.getFloat());
  }
}
