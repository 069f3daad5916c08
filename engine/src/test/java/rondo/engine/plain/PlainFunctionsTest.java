package rondo.engine.plain;

import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import rondo.engine.plain.OperationSamples.Sample;

class PlainFunctionsTest {
  // One instance for all samples, so that scratch is reused from shape to shape.
  private static final PlainFunctions PLAIN = new PlainFunctions();

  static Stream<Sample> samples() {
    return OperationSamples.all();
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("samples")
  void everySampleComesOutAsInFloat64(Sample sample) {
    sample.check(PLAIN);
  }
}
