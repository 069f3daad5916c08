package rondo.nn;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.abort;
import static org.junit.jupiter.api.Assumptions.assumeTrue;
import static org.junit.jupiter.params.provider.Arguments.arguments;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Objects;
import java.util.stream.Stream;
import org.junit.jupiter.params.provider.Arguments;
import rondo.engine.device.Device;
import rondo.engine.device.Devices;
import rondo.engine.graph.DType;

/** Where golden files are, which devices there are, and how closely results must agree. */
public final class Golden {
  /** What a float32 implementation meets for logits, states and gradients (golden/README.md). */
  public static final double TOLERANCE = 1e-5;

  /**
   * What bf16 activations meet on the same cases: every result of some hundred operations is
   * rounded to 8 bits. The worst logits seen are 3.3e-2 away; a gradient of OLMo 2's norm of keys,
   * 7.3e-2.
   */
  public static final double BF16_TOLERANCE = 6e-2;

  public static final double BF16_GRADIENT_TOLERANCE = 1e-1;

  private Golden() {}

  public static double tolerance(DType activations) {
    return activations == DType.F32 ? TOLERANCE : BF16_TOLERANCE;
  }

  public static double gradientTolerance(DType activations) {
    return activations == DType.F32 ? TOLERANCE : BF16_GRADIENT_TOLERANCE;
  }

  /** Recurrent golden models, with the devices and the activations that they run on and in. */
  static Stream<Arguments> recurrentCases() {
    return Stream.of("llama-retrofit", "olmo2-retrofit", "huginn")
        .flatMap(name ->
            Stream.of(
                arguments(name, "plain", DType.F32),
                arguments(name, "cpu", DType.F32),
                arguments(name, "emulated", DType.F32),
                arguments(name, "plain", DType.BF16),
                arguments(name, "emulated", DType.BF16)));
  }

  /** A folder of {@code shared/golden}; the test is skipped where it is absent. */
  public static Path folder(String name) {
    Path file = Path.of(System.getProperty("rondo.shared", "../../shared"), "golden", name);
    assumeTrue(Files.exists(file), file + " is absent (-Drondo.shared=FOLDER)");
    return file;
  }

  /** The device of that name on two threads; the test is skipped where it is not usable. */
  public static Device device(String name) {
    try {
      // -Drondo.gpu=cuda runs on a GPU what otherwise stands in for one.
      var on = name.equals("emulated") ? System.getProperty("rondo.gpu", name) : name;
      return Devices.open(on, 2);
    } catch (IllegalStateException e) {
      return abort(e.getMessage());
    }
  }

  /** The value of a key that must be there. */
  public static <K, V> V of(Map<K, V> map, K key) {
    return Objects.requireNonNull(map.get(key), () -> "no " + key);
  }

  /** ‖actual − expected‖ / ‖expected‖. */
  public static double distance(float[] expected, float[] actual) {
    assertEquals(expected.length, actual.length);
    double difference = 0;
    double norm = 0;
    for (int i = 0; i < expected.length; i++) {
      difference += Math.pow((double) actual[i] - expected[i], 2);
      norm += Math.pow(expected[i], 2);
    }
    return Math.sqrt(difference / norm);
  }

  public static void assertClose(String what, float[] expected, float[] actual, double tolerance) {
    double distance = distance(expected, actual);
    assertTrue(
        distance < tolerance, () -> what + ": relative error " + distance + " ≥ " + tolerance);
  }
}
