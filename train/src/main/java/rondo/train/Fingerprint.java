package rondo.train;

import java.nio.ByteBuffer;
import java.util.HexFormat;
import java.util.zip.CRC32C;
import rondo.data.rows.RowTable;

/**
 * What a run's rows were, in a few characters: a resume on other rows would go on, and be neither
 * the old run nor a new one.
 */
final class Fingerprint {
  private Fingerprint() {}

  /** Number and checksum of all rows, with their lengths. */
  static String of(RowTable table) {
    var crc = new CRC32C();
    var bytes = ByteBuffer.allocate(0);
    for (int i = 0; i < table.size(); i++) {
      int[] row = table.row(i);
      int size = Integer.BYTES * (1 + row.length);
      if (bytes.capacity() < size) {
        bytes = ByteBuffer.allocate(size);
      }
      bytes.clear().putInt(row.length).asIntBuffer().put(row);
      crc.update(bytes.position(0).limit(size));
    }
    return "%s rows, %s"
        .formatted(String.valueOf(table.size()), HexFormat.of().toHexDigits((int) crc.getValue()));
  }
}
