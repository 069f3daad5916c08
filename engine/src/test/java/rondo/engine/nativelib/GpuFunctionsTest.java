package rondo.engine.nativelib;

import static org.junit.jupiter.api.Assumptions.abort;

import java.util.Objects;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import rondo.engine.plain.OperationSamples;
import rondo.engine.plain.OperationSamples.Sample;

/**
 * The table of operations in a GPU's own memory, which the host cannot read. Skipped where there is
 * none; {@code -Drondo.gpu=emulated} runs the same path on the emulator.
 */
class GpuFunctionsTest {
  private static @Nullable Library library;

  @BeforeAll
  static void open() {
    var name = System.getProperty("rondo.gpu", "cuda").split(":", 2)[0];
    try {
      library = Library.open(NativeFile.find("librondo_" + name + ".so"), 0, 1);
    } catch (IllegalStateException e) {
      abort(e.getMessage());
    }
  }

  @AfterAll
  static void close() {
    if (library != null) {
      library.close();
      library = null;
    }
  }

  static Stream<Sample> samples() {
    return OperationSamples.all();
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("samples")
  void everySampleComesOutAsInFloat64(Sample sample) {
    sample.check(Objects.requireNonNull(library));
  }
}
