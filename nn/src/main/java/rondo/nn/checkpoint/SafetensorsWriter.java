package rondo.nn.checkpoint;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * Writes safetensors files, atomically and piece by piece; the same tensors give the same bytes.
 */
public final class SafetensorsWriter {
  private static final JsonMapper JSON = JsonMapper.shared();

  /** Elements converted and written at a time. */
  private static final int PIECE = 1 << 20;

  private SafetensorsWriter() {}

  /** Writes {@code tensors} with the metadata that Hugging Face libraries expect. */
  public static void write(Path file, List<TensorToWrite> tensors) {
    write(file, tensors, Map.of("format", "pt"));
  }

  /**
   * Writes {@code tensors} in their order, wider element types first so that all stay aligned.
   *
   * @throws WriteException when the file cannot be written; an older one is then untouched
   */
  public static void write(Path file, List<TensorToWrite> tensors, Map<String, String> metadata) {
    List<TensorToWrite> ordered = new ArrayList<>(tensors);
    ordered.sort(Comparator.comparingInt((TensorToWrite tensor) -> -tensor.type().bytes()));
    byte[] header = header(ordered, metadata);
    long bytes = Long.BYTES + (long) header.length;
    for (TensorToWrite tensor : ordered) {
      bytes = Math.addExact(bytes, tensor.bytes());
    }
    AtomicFiles.write(file, bytes, channel -> writeAll(channel, header, ordered));
  }

  static byte[] header(List<TensorToWrite> tensors, Map<String, String> metadata) {
    ObjectNode root = JSON.createObjectNode();
    if (!metadata.isEmpty()) {
      ObjectNode node = root.putObject("__metadata__");
      new TreeMap<>(metadata).forEach(node::put);
    }
    Set<String> names = new HashSet<>(Set.of("__metadata__"));
    long offset = 0;
    for (TensorToWrite tensor : tensors) {
      if (!names.add(tensor.name())) {
        throw new IllegalArgumentException("two tensors are called '" + tensor.name() + "'");
      }
      ObjectNode node = root.putObject(tensor.name());
      node.put("dtype", tensor.type().name());
      ArrayNode shape = node.putArray("shape");
      for (long size : tensor.shape()) {
        shape.add(size);
      }
      long end = Math.addExact(offset, tensor.bytes());
      node.putArray("data_offsets").add(offset).add(end);
      offset = end;
    }
    byte[] json = JSON.writeValueAsBytes(root);
    int padded = Math.ceilDiv(json.length, 8) * 8;
    String spaces = " ".repeat(padded - json.length);
    byte[] header = new byte[padded];
    System.arraycopy(json, 0, header, 0, json.length);
    System.arraycopy(
        spaces.getBytes(StandardCharsets.US_ASCII), 0, header, json.length, spaces.length());
    return header;
  }

  private static void writeAll(FileChannel channel, byte[] header, List<TensorToWrite> tensors)
      throws IOException {
    ByteBuffer start =
        ByteBuffer.allocate(Long.BYTES + header.length).order(ByteOrder.LITTLE_ENDIAN);
    AtomicFiles.writeFully(channel, start.putLong(header.length).put(header).flip());
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment piece = arena.allocate((long) PIECE * Long.BYTES, Long.BYTES);
      MemorySegment rounded = arena.allocate((long) PIECE * Short.BYTES, Long.BYTES);
      for (TensorToWrite tensor : tensors) {
        for (long done = 0; done < tensor.elements(); done += PIECE) {
          int count = (int) Math.min(PIECE, tensor.elements() - done);
          MemorySegment stored = stored(tensor, done, count, piece, rounded);
          AtomicFiles.writeFully(channel, stored.asByteBuffer());
        }
      }
    }
  }

  private static MemorySegment stored(
      TensorToWrite tensor, long first, int count, MemorySegment piece, MemorySegment rounded) {
    if (tensor.type() != StoredType.BF16) {
      MemorySegment values = piece.asSlice(0, (long) count * tensor.type().bytes());
      tensor.values().copyTo(first, values);
      return values;
    }
    MemorySegment floats = piece.asSlice(0, (long) count * Float.BYTES);
    tensor.values().copyTo(first, floats);
    Conversions.toBfloat16(floats, rounded, count);
    return rounded.asSlice(0, (long) count * Short.BYTES);
  }
}
