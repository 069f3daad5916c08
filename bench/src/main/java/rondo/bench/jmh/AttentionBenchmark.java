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
import rondo.engine.graph.Attention;
import rondo.engine.graph.Graph;
import rondo.engine.graph.Heads;
import rondo.engine.graph.TensorType;

/** Attention over about as many tokens, in short rows and in long ones. */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
public class AttentionBenchmark {
  private static final int TOKENS = 4096;

  @Param({"256", "1024", "4096"})
  public int time;

  @Param({"32", "64", "128"})
  public int headDim;

  @Param({"1", "2"})
  public int threads;

  private Bound bound;

  @Setup(Level.Trial)
  public void bind() {
    var graph = new Graph();
    var heads = new Heads(4, 2, headDim);
    var qkv = graph.input("qkv", TensorType.f32(TOKENS / time, time, 8 * headDim));
    var out = graph.addAll(new Attention(qkv, heads, (float) (1 / Math.sqrt(headDim))));
    bound = Bound.of(threads, graph, List.of(qkv), out);
  }

  @TearDown(Level.Trial)
  public void close() {
    bound.close();
  }

  @Benchmark
  public void attention() {
    bound.run();
  }
}
