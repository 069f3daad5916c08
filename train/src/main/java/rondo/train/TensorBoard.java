package rondo.train;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.zip.CRC32C;
import rondo.nn.checkpoint.WriteException;

/**
 * Scalars as a TensorBoard event file: TFRecord frames (length, masked CRC-32C, bytes, masked
 * CRC-32C) around hand-encoded {@code Event} messages. A session-start event makes TensorBoard drop
 * what an interrupted process wrote from that step on.
 */
final class TensorBoard implements AutoCloseable {
  private static final int MASK = 0xa282ead8;

  private final Path path;
  private final OutputStream file;

  TensorBoard(Path out, long step, long wallMillis) {
    path = out.resolve("events.out.tfevents." + wallMillis / 1000 + ".rondo." + step);
    try {
      Files.createDirectories(out);
      file = Files.newOutputStream(path);
    } catch (IOException e) {
      throw new WriteException(path, e);
    }
    write(event(wallMillis, 0, 3, "brain.Event:2".getBytes(StandardCharsets.UTF_8)));
    write(event(wallMillis, step, 7, new byte[] {0x08, 0x01})); // SessionLog{status: START}
  }

  void scalars(long step, long wallMillis, Map<String, Double> values) {
    var summary = new ByteArrayOutputStream();
    values.forEach((tag, value) -> {
      var entry = new ByteArrayOutputStream(); // Summary.Value{tag = 1, simple_value = 2}
      bytes(entry, 1, tag.getBytes(StandardCharsets.UTF_8));
      entry.write((2 << 3) | 5);
      entry.writeBytes(little(4).putFloat(value.floatValue()).array());
      bytes(summary, 1, entry.toByteArray());
    });
    write(event(wallMillis, step, 5, summary.toByteArray()));
  }

  /** Event{wall_time = 1, step = 2, and one more field}. */
  private static byte[] event(long wallMillis, long step, int field, byte[] value) {
    var event = new ByteArrayOutputStream();
    event.write((1 << 3) | 1);
    event.writeBytes(little(8).putDouble(wallMillis / 1e3).array());
    event.write(2 << 3);
    varint(event, step);
    bytes(event, field, value);
    return event.toByteArray();
  }

  private static void bytes(ByteArrayOutputStream to, int field, byte[] value) {
    to.write((field << 3) | 2);
    varint(to, value.length);
    to.writeBytes(value);
  }

  private static void varint(ByteArrayOutputStream to, long value) {
    long rest = value;
    while ((rest & ~0x7fL) != 0) {
      to.write((int) ((rest & 0x7f) | 0x80));
      rest >>>= 7;
    }
    to.write((int) rest);
  }

  private static ByteBuffer little(int bytes) {
    return ByteBuffer.allocate(bytes).order(ByteOrder.LITTLE_ENDIAN);
  }

  private void write(byte[] record) {
    var length = little(8).putLong(record.length).array();
    try {
      file.write(length);
      file.write(little(4).putInt(masked(length)).array());
      file.write(record);
      file.write(little(4).putInt(masked(record)).array());
      file.flush();
    } catch (IOException e) {
      throw new WriteException(path, e);
    }
  }

  static int masked(byte[] data) {
    var crc = new CRC32C();
    crc.update(data);
    int c = (int) crc.getValue();
    return ((c >>> 15) | (c << 17)) + MASK;
  }

  @Override
  public void close() {
    try {
      file.close();
    } catch (IOException e) {
      throw new WriteException(path, e);
    }
  }
}
