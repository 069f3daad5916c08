package rondo.train;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HexFormat;
import java.util.TreeSet;
import java.util.zip.CRC32C;
import rondo.data.rows.RowTable;
import rondo.nn.checkpoint.CheckpointException;

/**
 * What a run's rows and its teacher were, in a few characters: a resume with others would go on,
 * and be neither the old run nor a new one.
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

  /**
   * Size and checksum of a model folder's weights.
   *
   * @throws CheckpointException when they cannot be read
   */
  static String of(Path folder) {
    var crc = new CRC32C();
    var bytes = ByteBuffer.allocateDirect(1 << 20);
    long size = 0;
    try (var files = Files.newDirectoryStream(folder, "*.safetensors")) {
      var sorted = new TreeSet<Path>();
      files.forEach(sorted::add);
      for (var file : sorted) {
        try (var channel = FileChannel.open(file)) {
          while (channel.read(bytes.clear()) >= 0) {
            size += bytes.position();
            crc.update(bytes.flip());
          }
        }
      }
    } catch (IOException | DirectoryIteratorException e) {
      throw new CheckpointException(folder, "cannot be read: " + e.getMessage(), e);
    }
    return "%d bytes, %s".formatted(size, HexFormat.of().toHexDigits((int) crc.getValue()));
  }
}
