package rondo.bench.jmh;

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
import rondo.bench.gpu.Operations;
import rondo.engine.graph.DType;
import rondo.engine.nativelib.Library;

/**
 * Every operation at a preset's shapes, launched and awaited. {@code rondo.bench.gpu} measures the
 * same ones by the device's clock; this says what a Java caller waits. Presets with biases or norms
 * of queries and keys have operations more: {@code -p preset=huginn "-p operation=qk bias
 * gradient"}.
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
public class KernelBenchmark {
  @Param("cuda")
  public String device;

  @Param("tinyllama-4-8-4")
  public String preset;

  /** Toy shapes and presets, to test this anywhere. */
  @Param("false")
  public boolean tiny;

  @Param({"BF16", "F32"})
  public DType type;

  /** Rows of a training step. */
  @Param({"1", "8"})
  public int batch;

  @Param({
    "qkv",
    "qkv input gradient",
    "qkv weight gradient",
    "attention proj",
    "attention proj input gradient",
    "attention proj weight gradient",
    "mlp fc",
    "mlp fc input gradient",
    "mlp fc weight gradient",
    "mlp proj",
    "mlp proj input gradient",
    "mlp proj weight gradient",
    "head",
    "head input gradient",
    "head weight gradient",
    "attention",
    "attention gradient",
    "loss and gradients",
    "distillation",
    "rms_norm",
    "rms_norm gradient",
    "gated_silu",
    "gated_silu gradient",
    "rotary",
    "embedding",
    "embedding gradient",
    "add",
    "scale",
    "first_nonfinite",
    "qkv of one row",
    "qkv i8 of one row",
    "qkv e4m3 of one row",
    "attention proj of one row",
    "attention proj i8 of one row",
    "attention proj e4m3 of one row",
    "mlp fc of one row",
    "mlp fc i8 of one row",
    "mlp fc e4m3 of one row",
    "mlp proj of one row",
    "mlp proj i8 of one row",
    "mlp proj e4m3 of one row",
    "head of one row",
    "head i8 of one row",
    "head e4m3 of one row",
    "cached attention of one row",
    "adamw",
    "ellis_adam",
    "muon_momentum",
    "normalize_matrices to bf16",
    "muon_apply of bf16",
    "sum_squares",
    "cast f32 to bf16",
    "truncated_normal",
    "zero",
    "newton_schulz"
  })
  public String operation;

  private Library library;
  private Operands operands;
  private Runnable call;

  @Setup(Level.Trial)
  public void open() {
    library = OpenLibrary.of(device);
    operands = new Operands(library);
    var all = Operations.named(library, preset, tiny, batch, type);
    var make = all.get(operation);
    if (make == null) {
      throw new IllegalArgumentException(
          "operation \"" + operation + "\": expected one of " + all.keySet());
    }
    call = make.apply(operands);
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
}
