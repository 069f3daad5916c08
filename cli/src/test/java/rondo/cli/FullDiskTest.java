package rondo.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A file larger than the limit is a write that fails, as on a full disk: the work's failure. */
class FullDiskTest {
  @TempDir Path folder;

  @Test
  void aRunThatCannotWriteItsCheckpointFailsInOneLine() throws Exception {
    var model = TinyModels.recurrent(folder.resolve("model"));
    var data = TinyModels.data(folder.resolve("rows.jsonl"), 12, 9);
    var recipe =
        Files.writeString(
            folder.resolve("recipe.yaml"),
            """
            model: %s
            out: %s
            data: {train: [{path: %s}], sequence_length: 8}
            batch: {sequences: 4}
            steps: 1
            depth: {mean: 4, backprop: 2}
            """
                .formatted(model, folder.resolve("run"), data));
    var process = Forked.rondo("ulimit -f 8", "train", recipe, "--device", "plain");
    var output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertEquals(1, process.waitFor(), output);
    List<String> lines = output.lines().filter(line -> line.startsWith("rondo: ")).toList();
    assertEquals(1, lines.size(), output);
    var line = lines.getFirst();
    assertTrue(line.contains("run/step-1: cannot be written"), line);
    assertTrue(line.contains("step-1/model.safetensors: cannot write "), line);
    assertFalse(line.contains(".tmp") || line.contains("--stacktrace"), line);
  }
}
