package rondo.data;

import static org.junit.jupiter.api.Assumptions.abort;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.nio.file.Files;
import java.nio.file.Path;

/** Finds the shared material, or skips the test that asks for it. */
public final class Shared {
  private Shared() {}

  /** A file of the folder {@code shared}; the test is skipped where it is absent. */
  public static Path file(String path) {
    Path file = folder().resolve(path);
    assumeTrue(Files.exists(file), file + " is absent");
    return file;
  }

  private static Path folder() {
    String told = System.getProperty("rondo.shared");
    if (told != null) {
      return Path.of(told);
    }
    for (Path at = Path.of("").toAbsolutePath(); at != null; at = at.getParent()) {
      Path folder = at.resolve("shared");
      if (Files.exists(folder.resolve("golden").resolve("README.md"))) {
        return folder;
      }
    }
    return abort(
        "no folder 'shared' with golden/README.md beside the project (-Drondo.shared=FOLDER)");
  }
}
