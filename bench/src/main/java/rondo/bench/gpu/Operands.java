package rondo.bench.gpu;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.SplittableRandom;
import rondo.engine.graph.DType;
import rondo.engine.nativelib.Functions;

/**
 * Device memory filled with harmless numbers, made where they lie: normal ones of about 1, which is
 * what products and norms see. Lives until it is closed.
 */
public final class Operands implements AutoCloseable {
  private final Functions functions;
  private final Arena arena = Arena.ofShared();
  private long drawn;

  /** Operands on the device of these functions. */
  public Operands(Functions functions) {
    this.functions = functions;
  }

  /** Zeroed memory for so many elements. */
  public MemorySegment zeros(DType type, long count) {
    return functions.allocate(Math.max(64, count * type.bytes()), arena);
  }

  /** Normal numbers of this deviation, cut at three of them. */
  public MemorySegment normal(DType type, double std, long count) {
    var memory = zeros(type, count);
    long piece = Math.min(count, 1L << 26);
    try (var passing = new Operands(functions)) {
      var key = passing.longs(20_260_101L, drawn++);
      var drawn = type == DType.F32 ? memory : passing.zeros(DType.F32, piece);
      if (type == DType.F32) {
        functions.truncatedNormal(key, (float) std, 3, count, drawn);
      } else {
        functions.truncatedNormal(key, (float) std, 3, piece, drawn);
        for (long at = 0; at < count; at += piece) {
          long n = Math.min(piece, count - at);
          var to = memory.asSlice(at * type.bytes());
          functions.cast(drawn, DType.F32.code(), n, to, type.code());
        }
      }
      functions.synchronize();
    }
    return memory;
  }

  /** Normal numbers of about 1. */
  public MemorySegment normal(DType type, long count) {
    return normal(type, 1, count);
  }

  /** Integers from 0 to bound - 1. */
  public MemorySegment below(int bound, int count) {
    var random = new SplittableRandom(count);
    var values = new int[count];
    for (int i = 0; i < count; i++) {
      values[i] = random.nextInt(bound);
    }
    return ints(values);
  }

  /** These integers. */
  public MemorySegment ints(int... values) {
    try (var host = Arena.ofConfined()) {
      return sent(host.allocateFrom(JAVA_INT, values));
    }
  }

  private MemorySegment longs(long... values) {
    try (var host = Arena.ofConfined()) {
      return sent(host.allocateFrom(JAVA_LONG, values));
    }
  }

  private MemorySegment sent(MemorySegment values) {
    var memory = functions.allocate(Math.max(64, values.byteSize()), arena);
    functions.copy(values, memory, values.byteSize());
    functions.synchronize();
    return memory;
  }

  @Override
  public void close() {
    functions.synchronize();
    arena.close();
  }
}
