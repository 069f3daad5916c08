package rondo.engine.device;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;
import rondo.engine.nativelib.Functions;

/**
 * Page-locked memory of the host through which values go to a GPU and come back: one area that
 * grows to what is needed. What is put there for a copy stays until the device has been waited for,
 * so one piece after another is taken, and the area is free again when the device is next awaited.
 */
final class Staging implements AutoCloseable {
  /** More than this at once goes through ordinary memory: page-locked memory is scarce. */
  static final long MOST = 64L << 20;

  private static final long LEAST = 1L << 20;
  private static final long ALIGNMENT = 64;

  private final Functions functions;
  private @Nullable Arena arena;
  private MemorySegment area = MemorySegment.NULL;
  private long used;

  Staging(Functions functions) {
    this.functions = functions;
  }

  /** Memory that nothing else is using until {@link #awaited}; at most {@link #MOST} bytes. */
  MemorySegment take(long bytes) {
    if (used + bytes > area.byteSize()) {
      functions.synchronize();
      awaited();
      if (bytes > area.byteSize()) {
        grow(Math.max(LEAST, Math.min(MOST, 2 * bytes)));
      }
    }
    var piece = area.asSlice(used, bytes);
    used = Math.min(area.byteSize(), (used + bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT);
    return piece;
  }

  /** The device has done all that was enqueued. */
  void awaited() {
    used = 0;
  }

  private void grow(long bytes) {
    close();
    var lifetime = Arena.ofShared();
    arena = lifetime;
    area = functions.allocateStaging(bytes, lifetime);
  }

  @Override
  public void close() {
    area = MemorySegment.NULL;
    if (arena != null) {
      arena.close();
      arena = null;
    }
  }
}
