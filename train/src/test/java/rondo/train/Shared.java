package rondo.train;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.nio.file.Files;
import java.nio.file.Path;

/** Test material that lies beside the repository where there is any. */
final class Shared {
  private Shared() {}

  /** A file of the folder {@code shared} beside the project; without it the test is skipped. */
  static Path file(String path) {
    Path file = Path.of(System.getProperty("rondo.shared", "../../shared"), path);
    assumeTrue(Files.exists(file), file + " is absent (-Drondo.shared=FOLDER)");
    return file;
  }

  /** -Drondo.gpu=cuda runs on a GPU what otherwise the emulator stands in for. */
  static String named(String device) {
    return device.equals("emulated") ? System.getProperty("rondo.gpu", device) : device;
  }

  /** ‖a − b‖ / ‖b‖. */
  static double relative(float[] a, float[] b) {
    double difference = 0;
    double norm = 0;
    for (int i = 0; i < b.length; i++) {
      difference += (a[i] - (double) b[i]) * (a[i] - (double) b[i]);
      norm += (double) b[i] * b[i];
    }
    return Math.sqrt(difference / norm);
  }
}
