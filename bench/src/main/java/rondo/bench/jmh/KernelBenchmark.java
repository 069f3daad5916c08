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
 * Single operations on TinyLlama's width, launched and awaited: rows of 2048, heads 32/4 of 64,
 * hidden 5632. The table of {@code rondo.bench.gpu} measures by the device's clock; this one says
 * what a Java caller waits.
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
public class KernelBenchmark {
  private static final int WIDTH = 2048;
  private static final int HEADS = 32;
  private static final int KV_HEADS = 4;
  private static final int SIZE = 64;
  private static final int QKV = (HEADS + 2 * KV_HEADS) * SIZE;
  private static final int HIDDEN = 5632;
  private static final MemorySegment NONE = MemorySegment.NULL;

  @Param("cuda")
  public String device;

  @Param({"BF16", "F32"})
  public DType type;

  @Param({"1", "1024"})
  public int rows;

  @Param({
    "add",
    "rms_norm",
    "gated_silu",
    "rotary",
    "attention",
    "cached_attention",
    "product",
    "matvec int8"
  })
  public String operation;

  private Library library;
  private Operands operands;
  private Runnable call;

  @Setup(Level.Trial)
  public void open() {
    library = OpenLibrary.of(device);
    operands = new Operands(library);
    call =
        switch (operation) {
          case "add" -> add();
          case "rms_norm" -> norm();
          case "gated_silu" -> silu();
          case "rotary" -> rotary();
          case "attention" -> attention();
          case "cached_attention" -> cachedAttention();
          case "product" -> product();
          case "matvec int8" -> quantized();
          default -> throw new IllegalArgumentException("operation " + operation);
        };
  }

  @TearDown(Level.Trial)
  public void close() {
    operands.close();
    library.close();
  }

  @Benchmark
  public void run() {
    call.run();
    library.synchronize();
  }

  private MemorySegment normal(int width) {
    return operands.normal(type, (long) rows * width);
  }

  private MemorySegment zeros(int width) {
    return operands.zeros(type, (long) rows * width);
  }

  private Runnable add() {
    var a = normal(WIDTH);
    var out = zeros(WIDTH);
    return () -> library.add(type.code(), a, a, (long) rows * WIDTH, out);
  }

  private Runnable norm() {
    var x = normal(WIDTH);
    var gain = operands.normal(DType.F32, WIDTH);
    var y = zeros(WIDTH);
    return () -> library.rmsNorm(type.code(), x, NONE, gain, 1e-5f, rows, WIDTH, NONE, y, NONE);
  }

  private Runnable silu() {
    var x = normal(2 * HIDDEN);
    var y = zeros(HIDDEN);
    return () -> library.gatedSilu(type.code(), x, rows, HIDDEN, y);
  }

  private Runnable rotary() {
    var qkv = normal(QKV);
    var positions = operands.below(rows, rows);
    var table = operands.normal(DType.F32, (long) rows * SIZE);
    return () ->
        library.rotary(
            type.code(),
            qkv,
            NONE,
            NONE,
            NONE,
            0,
            positions,
            table,
            rows,
            rows,
            HEADS,
            KV_HEADS,
            SIZE,
            0,
            0,
            qkv,
            NONE);
  }

  private Runnable attention() {
    var qkv = normal(QKV);
    var out = zeros(HEADS * SIZE);
    return () ->
        library.attention(type.code(), qkv, 1, rows, HEADS, KV_HEADS, SIZE, 0.125f, out, NONE);
  }

  /** One token over as many slots as rows. */
  private Runnable cachedAttention() {
    var qkv = operands.normal(type, QKV);
    var cache = normal(2 * KV_HEADS * SIZE);
    var start = operands.ints(rows - 1);
    var out = operands.zeros(type, HEADS * SIZE);
    return () ->
        library.cachedAttention(
            type.code(), qkv, cache, start, 1, 1, HEADS, KV_HEADS, SIZE, rows, 0.125f, out);
  }

  private Runnable product() {
    var x = normal(WIDTH);
    var w = operands.normal(type, (long) WIDTH * WIDTH);
    var y = zeros(WIDTH);
    int code = type.code();
    return () ->
        library.matmul(
            1, rows, WIDTH, WIDTH, 1, x, code, 0, WIDTH, 0, w, code, 1, WIDTH, 0, 0, NONE, WIDTH, 0,
            y, code, WIDTH, 0, 0);
  }

  private Runnable quantized() {
    var w = operands.normal(DType.F32, (long) WIDTH * WIDTH);
    var q = operands.zeros(DType.I8, (long) WIDTH * WIDTH);
    var scale = operands.zeros(DType.F32, WIDTH);
    library.quantizeRows(w, WIDTH, WIDTH, q, DType.I8.code(), scale);
    var x = normal(WIDTH);
    var y = zeros(WIDTH);
    return () ->
        library.quantizedLinear(type.code(), x, rows, q, DType.I8.code(), scale, WIDTH, WIDTH, y);
  }
}
