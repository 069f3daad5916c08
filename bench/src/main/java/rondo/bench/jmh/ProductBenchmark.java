package rondo.bench.jmh;

import java.util.List;
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
import rondo.engine.graph.Graph;
import rondo.engine.graph.MatMul;
import rondo.engine.graph.TensorType;

/** Square f32 products. */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
public class ProductBenchmark {
  @Param({"256", "512", "1024", "2048"})
  public int size;

  @Param({"1", "2"})
  public int threads;

  private Bound bound;

  @Setup(Level.Trial)
  public void bind() {
    var graph = new Graph();
    var a = graph.input("a", TensorType.f32(size, size));
    var b = graph.input("b", TensorType.f32(size, size));
    var out = graph.add(new MatMul(a, false, b, false, false, 1, null, 0, false));
    bound = Bound.of(threads, graph, List.of(a, b), List.of(out));
  }

  @TearDown(Level.Trial)
  public void close() {
    bound.close();
  }

  @Benchmark
  public void product() {
    bound.run();
  }
}
