package rondo.bench.jmh;

import java.util.List;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import rondo.engine.graph.ClipFactor;
import rondo.engine.graph.Graph;
import rondo.engine.graph.TensorType;

/** What one launch costs when the operation itself is trivially small. */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
public class DowncallBenchmark {
  private Bound bound;

  @Setup(Level.Trial)
  public void bind() {
    var graph = new Graph();
    var sum = graph.input("sum of squares", TensorType.f32(1));
    bound = Bound.of(1, graph, List.of(sum), graph.addAll(new ClipFactor(sum, 1)));
  }

  @TearDown(Level.Trial)
  public void close() {
    bound.close();
  }

  @Benchmark
  public void clipFactor() {
    bound.run();
  }
}
