package rondo.engine.plain;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.management.ManagementFactory;

/**
 * Every operation of {@code rondo.h} as plain loops over host memory: the written specification,
 * and the fallback where no native library fits the platform. Values are stored as the header says
 * and computed in double. One thread; an instance owns its scratch, so it must not be shared
 * between threads. Arguments that the header refuses raise {@link IllegalArgumentException}.
 */
public final class PlainFunctions
    implements PlainElementwise,
        PlainMatmul,
        PlainQuantized,
        PlainEmbedding,
        PlainNorms,
        PlainHeads,
        PlainAttention,
        PlainLoss,
        PlainOptimizers {
  private final Rows rows = new Rows();
  private long began;

  @Override
  public Rows rows() {
    return rows;
  }

  /** All is done when a function returns. */
  @Override
  public void synchronize() {}

  @Override
  public MemorySegment allocate(long bytes, Arena lifetime) {
    return lifetime.allocate(bytes, 256);
  }

  @Override
  public MemorySegment allocateStaging(long bytes, Arena lifetime) {
    return allocate(bytes, lifetime);
  }

  /** The machine's, as far as this process may use it. */
  @Override
  public Memory memory() {
    var system =
        ManagementFactory.getPlatformMXBean(com.sun.management.OperatingSystemMXBean.class);
    return new Memory(system.getFreeMemorySize(), system.getTotalMemorySize());
  }

  @Override
  public void timerBegin() {
    began = System.nanoTime();
  }

  @Override
  public double timerEnd() {
    return (System.nanoTime() - began) / 1e9;
  }

  @Override
  public void copy(MemorySegment from, MemorySegment to, long bytes) {
    Arguments.extents("rondo_copy", bytes);
    MemorySegment.copy(from, 0, to, 0, bytes);
  }

  @Override
  public void zero(MemorySegment memory, long bytes) {
    Arguments.extents("rondo_zero", bytes);
    memory.asSlice(0, bytes).fill((byte) 0);
  }
}
