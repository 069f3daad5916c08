package rondo.data;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.nio.file.Files;
import java.nio.file.Path;

/** Finds the shared material, or skips the test that asks for it. */
public final class Shared {
  private Shared() {}

  /** A file of the folder {@code shared} beside the project; without it the test is skipped. */
  public static Path file(String path) {
    Path file = Path.of(System.getProperty("rondo.shared", "../../shared"), path);
    assumeTrue(Files.exists(file), file + " is absent (-Drondo.shared=FOLDER)");
    return file;
  }
}
