package rondo.engine.graph;

import static org.junit.jupiter.api.Assumptions.abort;

import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import rondo.engine.nativelib.Library;
import rondo.engine.nativelib.NativeFile;
import rondo.engine.plain.OperationSamples;
import rondo.engine.plain.OperationSamples.Sample;

/** The table of operations and the gradients on a GPU, where there is one; skipped elsewhere. */
class CudaTest {
  private static @Nullable Library library;

  @BeforeAll
  static void open() {
    try {
      library = Library.open(NativeFile.find("librondo_cuda.so"), 0, 1);
    } catch (IllegalStateException e) {
      abort(e.getMessage());
    }
  }

  @AfterAll
  static void close() {
    if (library != null) {
      library.close();
    }
  }

  static Stream<Sample> samples() {
    return OperationSamples.all();
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("samples")
  void everySampleComesOutAsInFloat64(Sample sample) {
    var opened = library;
    if (opened != null) {
      sample.check(opened);
    }
  }

  static Stream<GradientSamples.Case> gradients() {
    return GradientSamples.cases();
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("gradients")
  void gradientIsTheDifferenceQuotient(GradientSamples.Case c) {
    new GradientsTest().gradientIsTheDifferenceQuotient(c, "cuda");
  }
}
