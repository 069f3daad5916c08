package rondo.engine.device;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;
import rondo.engine.graph.TensorType;

/**
 * One named allocation on a device, sized before the first step. Buffers are cut from it in order;
 * closing it frees them all, and a buffer used afterwards throws.
 */
public final class Region implements AutoCloseable {
  private final String name;
  private final MemorySegment memory;
  private final Arena arena;
  private final boolean host;
  private final List<Region> open;
  private long used;

  /**
   * @param open the device's regions, of which this is one until it is closed
   */
  Region(String name, MemorySegment memory, Arena arena, boolean host, List<Region> open) {
    this.name = name;
    this.open = open;
    open.add(this);
    this.host = host;
    this.memory = memory;
    this.arena = arena;
  }

  public String name() {
    return name;
  }

  public long bytes() {
    return memory.byteSize();
  }

  /**
   * Cuts the next buffer.
   *
   * @throws IllegalStateException when the region was planned too small
   */
  public Buffer next(TensorType type) {
    long offset = used;
    // The last one need not fill its alignment.
    if (offset + type.bytes() > bytes()) {
      throw new IllegalStateException(
          "region " + name + ": " + type + " at " + offset + " exceeds its " + bytes() + " bytes");
    }
    used += aligned(type.bytes());
    return at(offset, type);
  }

  /** A buffer at a given byte offset; buffers may overlap if the caller wants so. */
  public Buffer at(long offset, TensorType type) {
    return Buffer.dense(type, memory.asSlice(offset, type.bytes()), host);
  }

  MemorySegment memory() {
    return memory;
  }

  /** What {@link #next} takes from the region for this type. */
  public static long aligned(long bytes) {
    return (bytes + 255) / 256 * 256;
  }

  @Override
  public void close() {
    arena.close();
    open.remove(this);
  }
}
