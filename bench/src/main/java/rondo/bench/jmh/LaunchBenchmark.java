package rondo.bench.jmh;

import java.lang.foreign.MemorySegment;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OperationsPerInvocation;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import rondo.bench.gpu.Operands;
import rondo.engine.graph.DType;
import rondo.engine.nativelib.Library;

/**
 * What it costs to have a device do something trivially small: the call down to C alone, a launch
 * on a stream that is awaited every hundred, and a launch that is awaited at once.
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
public class LaunchBenchmark {
  private static final int LAUNCHES = 100;
  private static final int ELEMENTS = 32;

  @Param("cuda")
  public String device;

  private Library library;
  private Operands operands;
  private MemorySegment x;

  @Setup(Level.Trial)
  public void open() {
    library = OpenLibrary.of(device);
    operands = new Operands(library);
    x = operands.zeros(DType.F32, ELEMENTS);
  }

  @TearDown(Level.Trial)
  public void close() {
    operands.close();
    library.close();
  }

  /** No elements: the library checks its arguments and returns. */
  @Benchmark
  public void call() {
    library.scale(DType.F32.code(), x, 1, 0, x);
  }

  @Benchmark
  @OperationsPerInvocation(LAUNCHES)
  public void launch() {
    for (int i = 0; i < LAUNCHES; i++) {
      library.scale(DType.F32.code(), x, 1, ELEMENTS, x);
    }
    library.synchronize();
  }

  @Benchmark
  public void launchAndWait() {
    library.scale(DType.F32.code(), x, 1, ELEMENTS, x);
    library.synchronize();
  }
}
