package rondo.bench.jmh;

import java.lang.foreign.MemorySegment;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Mode;
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
 * Small launches that depend on each other, one by one and as one recording; awaited in the end.
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
public class GraphBenchmark {
  private static final int ELEMENTS = 32;

  @Param("cuda")
  public String device;

  @Param({"1", "10", "100", "1000"})
  public int launches;

  private Library library;
  private Operands operands;
  private MemorySegment x;
  private MemorySegment graph;

  @Setup(Level.Trial)
  public void open() {
    library = OpenLibrary.of(device);
    operands = new Operands(library);
    x = operands.zeros(DType.F32, ELEMENTS);
    launch();
    graph = library.record(this::launch);
  }

  private void launch() {
    for (int i = 0; i < launches; i++) {
      library.scale(DType.F32.code(), x, 1, ELEMENTS, x);
    }
  }

  @TearDown(Level.Trial)
  public void close() {
    operands.close();
    library.close();
  }

  @Benchmark
  public void launched() {
    launch();
    library.synchronize();
  }

  @Benchmark
  public void replayed() {
    library.replay(graph);
    library.synchronize();
  }
}
