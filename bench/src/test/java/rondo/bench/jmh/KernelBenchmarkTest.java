package rondo.bench.jmh;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.abort;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.openjdk.jmh.annotations.Param;
import rondo.bench.gpu.Operations;
import rondo.engine.graph.DType;
import rondo.engine.nativelib.Library;

/** The JMH table is that of the device's clock, and each of its rows runs. */
class KernelBenchmarkTest {
  private static List<String> listed() throws NoSuchFieldException {
    return List.of(KernelBenchmark.class.getField("operation").getAnnotation(Param.class).value());
  }

  private static Library emulator() {
    try {
      return OpenLibrary.of("emulated");
    } catch (IllegalStateException e) {
      return abort(e.getMessage());
    }
  }

  private static KernelBenchmark benchmark(String operation) {
    var benchmark = new KernelBenchmark();
    benchmark.device = "emulated";
    benchmark.preset = "tiny-llama";
    benchmark.tiny = true;
    benchmark.type = DType.BF16;
    benchmark.batch = 1;
    benchmark.operation = operation;
    return benchmark;
  }

  @Test
  void everyOperationThatIsMeasuredIsInTheTable() throws Exception {
    try (var library = emulator()) {
      for (var type : List.of(DType.BF16, DType.F32)) {
        var toys = Operations.named(library, "tiny-llama", true, 1, type).keySet();
        assertEquals(listed(), List.copyOf(toys));
        var real = Operations.named(library, "tinyllama-4-8-4", false, 8, type).keySet();
        assertEquals(listed(), List.copyOf(real));
      }
      var biased = Operations.named(library, "huginn", false, 8, DType.BF16).keySet();
      assertTrue(biased.contains("qk bias gradient"), biased.toString());
    }
  }

  @Test
  void eachRuns() throws Exception {
    emulator().close();
    for (var operation : listed()) {
      var benchmark = benchmark(operation);
      benchmark.open();
      benchmark.run();
      benchmark.close();
    }
  }

  @Test
  void anUnknownOneIsRefusedWithTheOthers() {
    emulator().close();
    var e = assertThrows(IllegalArgumentException.class, () -> benchmark("nothing").open());
    var message = String.valueOf(e.getMessage());
    assertTrue(message.startsWith("operation \"nothing\": expected one of [qkv, "), message);
  }
}
