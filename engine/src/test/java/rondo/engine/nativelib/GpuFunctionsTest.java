package rondo.engine.nativelib;

import static org.junit.jupiter.api.Assumptions.abort;

import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import rondo.engine.plain.OperationSamples;
import rondo.engine.plain.OperationSamples.Sample;

/**
 * The table of operations in a GPU's own memory, which the host cannot read. Skipped where there is
 * none; {@code -Drondo.gpu=emulated} runs the same path on the emulator.
 */
class GpuFunctionsTest {
  private static @Nullable Library open;

  private static Library library() {
    var library = open;
    if (library == null) {
      var name = System.getProperty("rondo.gpu", "cuda").split(":", 2)[0];
      try {
        library = Library.open(NativeFile.find("librondo_" + name + ".so"), 0, 1);
      } catch (IllegalStateException e) {
        return abort(e.getMessage());
      }
      open = library;
    }
    return library;
  }

  @AfterAll
  static void close() {
    if (open != null) {
      open.close();
      open = null;
    }
  }

  static Stream<Sample> samples() {
    return OperationSamples.all();
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("samples")
  void everySampleComesOutAsInFloat64(Sample sample) {
    sample.check(library());
  }
}
