package rondo.nn.checkpoint;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.channels.FileChannel;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.CodingErrorAction;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * A safetensors file, mapped into memory: eight bytes of header length, a JSON header, the tensors'
 * bytes. Opening reads and checks the header only; {@link #close} ends the life of every tensor.
 */
public final class SafetensorsFile implements AutoCloseable {
  /** The limit of the format's reference implementation. */
  static final long LONGEST_HEADER = 100_000_000;

  private final Path path;
  private final Arena arena;
  private final Map<String, StoredTensor> tensors;
  private final Map<String, String> metadata;

  private SafetensorsFile(
      Path path, Arena arena, Map<String, StoredTensor> tensors, Map<String, String> metadata) {
    this.path = path;
    this.arena = arena;
    this.tensors = Collections.unmodifiableMap(tensors);
    this.metadata = Collections.unmodifiableMap(metadata);
  }

  /**
   * Maps a file and checks its header.
   *
   * @throws CheckpointException one line, when it is missing or malformed in any way
   */
  public static SafetensorsFile open(Path path) {
    if (!Files.isRegularFile(path)) {
      throw new CheckpointException(path, Files.exists(path) ? "not a file" : "no such file");
    }
    Arena arena = Arena.ofShared();
    boolean done = false;
    try (FileChannel channel = FileChannel.open(path, StandardOpenOption.READ)) {
      MemorySegment all = channel.map(FileChannel.MapMode.READ_ONLY, 0, channel.size(), arena);
      SafetensorsFile file = read(path, arena, all);
      done = true;
      return file;
    } catch (IOException e) {
      throw new CheckpointException(path, "cannot read: " + CheckpointException.reason(e), e);
    } finally {
      if (!done) {
        arena.close();
      }
    }
  }

  public Path path() {
    return path;
  }

  /** The tensors by name, in the order of their bytes in the file. */
  public Map<String, StoredTensor> tensors() {
    return tensors;
  }

  /**
   * The tensor of that name, of any shape.
   *
   * @throws CheckpointException with the nearest name, when there is none
   */
  public StoredTensor require(String name) {
    StoredTensor tensor = tensors.get(name);
    if (tensor == null) {
      throw new CheckpointException(
          path, "tensor '%s' is missing%s".formatted(name, Nearest.hint(name, tensors.keySet())));
    }
    return tensor;
  }

  /** The header's {@code __metadata__}, empty where it has none. */
  public Map<String, String> metadata() {
    return metadata;
  }

  @Override
  public void close() {
    if (arena.scope().isAlive()) {
      arena.close();
    }
  }

  private static SafetensorsFile read(Path path, Arena arena, MemorySegment all) {
    long headerBytes = headerBytes(path, all);
    MemorySegment data = all.asSlice(Long.BYTES + headerBytes);
    String json = text(path, all.asSlice(Long.BYTES, headerBytes));
    SafetensorsHeader header = SafetensorsHeader.parse(path, json, data.byteSize());
    Map<String, StoredTensor> tensors = new LinkedHashMap<>();
    for (SafetensorsHeader.Entry entry : header.entries()) {
      MemorySegment bytes = data.asSlice(entry.begin(), entry.end() - entry.begin());
      tensors.put(
          entry.name(), new StoredTensor(path, entry.name(), entry.type(), entry.shape(), bytes));
    }
    return new SafetensorsFile(path, arena, tensors, header.metadata());
  }

  private static long headerBytes(Path path, MemorySegment all) {
    if (all.byteSize() < Long.BYTES) {
      throw new CheckpointException(
          path, "%d bytes, expected at least 8: not a safetensors file".formatted(all.byteSize()));
    }
    long bytes = all.get(Conversions.LONG, 0);
    if (bytes < 0 || bytes > LONGEST_HEADER) {
      throw new CheckpointException(
          path,
          "header of %s bytes, expected at most %d: not a safetensors file"
              .formatted(Long.toUnsignedString(bytes), LONGEST_HEADER));
    }
    if (bytes > all.byteSize() - Long.BYTES) {
      throw new CheckpointException(
          path,
          "header of %d bytes in a file of %d: the file is cut short"
              .formatted(bytes, all.byteSize()));
    }
    return bytes;
  }

  private static String text(Path path, MemorySegment header) {
    if (header.byteSize() == 0 || header.get(ValueLayout.JAVA_BYTE, 0) != '{') {
      throw new CheckpointException(path, "the header does not begin with '{'");
    }
    try {
      return StandardCharsets.UTF_8
          .newDecoder()
          .onMalformedInput(CodingErrorAction.REPORT)
          .onUnmappableCharacter(CodingErrorAction.REPORT)
          .decode(header.asByteBuffer())
          .toString();
    } catch (CharacterCodingException e) {
      throw new CheckpointException(path, "the header is not UTF-8", e);
    }
  }
}
