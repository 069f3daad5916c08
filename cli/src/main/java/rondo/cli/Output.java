package rondo.cli;

import java.io.IOException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;
import rondo.nn.checkpoint.CheckpointException;

/** Files that commands write. */
final class Output {
  private Output() {}

  /**
   * Makes a folder to write into, where it is not there.
   *
   * @throws IllegalArgumentException when it cannot be made
   */
  static void makeFolder(String option, Path folder) {
    try {
      Files.createDirectories(folder);
    } catch (FileAlreadyExistsException e) {
      throw new IllegalArgumentException(
          option + " " + folder + ": is a file, expected a folder, there or new", e);
    } catch (IOException e) {
      throw new IllegalArgumentException(
          "%s %s: cannot be made: %s; name a folder that can"
              .formatted(option, folder, CheckpointException.reason(e)),
          e);
    }
  }

  /**
   * A folder to write into: new, or empty.
   *
   * @throws IllegalArgumentException when it holds something already
   */
  static void requireFresh(String option, Path folder) throws IOException {
    if (!Files.exists(folder)) {
      return;
    }
    if (!Files.isDirectory(folder)) {
      throw new IllegalArgumentException(option + " " + folder + ": is a file, expected a folder");
    }
    try (Stream<Path> members = Files.list(folder)) {
      if (members.findAny().isPresent()) {
        throw new IllegalArgumentException(
            option + " " + folder + ": is not empty; name a new folder or remove it");
      }
    }
  }

  /** Checks before any work that a file can be written there. */
  static void requireParent(String option, Path file) {
    var parent = file.toAbsolutePath().getParent();
    if (parent != null && !Files.isDirectory(parent)) {
      throw new IllegalArgumentException(
          option + " " + file + ": the folder " + parent + " is not there");
    }
    if (Files.isDirectory(file)) {
      throw new IllegalArgumentException(option + " " + file + ": is a folder, expected a file");
    }
  }
}
