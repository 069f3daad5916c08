package rondo.bench.gpu;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The table of a GPU check has a column for every contender, so that each goal can be read off. */
class MergeTest {
  @TempDir Path folder;

  private static String figure(
      String part, String subject, String contender, double seconds, String unit) {
    return """
    {"part": "%s", "preset": "p", "subject": "%s", "type": "bf16", "contender": "%s",
     "seconds": %s, "rounds": [%s], "work": 4e12, "unit": "%s"}
    """
        .formatted(part, subject, contender, seconds, seconds, unit);
  }

  private void write(String file, String program, String... figures) throws IOException {
    Files.writeString(
        folder.resolve(file),
        """
        {"program": "%s", "method": "m of %s", "figures": [%s],
         "skipped": [{"part": "train", "preset": "p", "subject": "s", "type": "bf16",
                      "contender": "%s", "reason": "out of time"}]}
        """
            .formatted(program, program, String.join(",", figures), program));
  }

  @BeforeEach
  void aFolderOfDocuments() throws IOException {
    write(
        "a-peers.json",
        "gpu_peers.py",
        figure("kernels", "attention", "PyTorch flash", 0.02, "flops"),
        figure("kernels", "attention", "PyTorch cuDNN", 0.01, "flops"),
        figure("train", "step", "PyTorch eager", 6, "tokens"),
        figure("train", "step", "PyTorch compile", 3, "tokens"));
    write(
        "jcuda.json",
        "rondo.bench.jcuda",
        figure("limits", "product", "JCuda 12.6.0", 0.02, "flops"),
        figure("launches", "empty", "JCuda 12.6.0", 8e12, "calls"));
    write(
        "kernels.json",
        "rondo.bench.gpu",
        figure("limits", "product", "Rondo", 0.01, "flops"),
        figure("kernels", "attention", "Rondo", 0.04, "flops"),
        figure("train", "step", "Rondo", 4, "tokens"));
    Merge.main(new String[] {"--in", folder.toString()});
  }

  /** The table under a heading, its cells trimmed. */
  private List<List<String>> table(String part) throws IOException {
    var lines = Files.readAllLines(folder.resolve("gpu-check.md"));
    return lines.stream()
        .skip(lines.indexOf("## " + part) + 2)
        .takeWhile(l -> l.startsWith("|"))
        .map(l -> Arrays.stream(l.substring(1, l.length() - 1).split("\\|", -1)))
        .map(cells -> cells.map(String::strip).toList())
        .toList();
  }

  private List<String> added(String part, int row) throws IOException {
    var cells = table(part).get(row);
    assertEquals(table(part).get(1).size(), cells.size(), "as many cells as columns");
    return cells.subList(7, cells.size());
  }

  @Test
  void everyContenderHasItsRateAndItsRatio() throws IOException {
    assertEquals(
        List.of("PyTorch flash", "Rondo ÷ it", "PyTorch cuDNN", "Rondo ÷ it"), added("kernels", 0));
    assertEquals(List.of("200.0 TFLOP/s", "0.50", "400.0 TFLOP/s", "0.25"), added("kernels", 2));
    assertEquals(
        List.of("PyTorch eager", "Rondo ÷ it", "PyTorch compile", "Rondo ÷ it"), added("train", 0));
    assertEquals("1.50", added("train", 2).get(1));
    assertEquals("0.75", added("train", 2).get(3));
  }

  @Test
  void anotherProgramIsCalledByItsName() throws IOException {
    assertEquals(List.of("JCuda 12.6.0", "Rondo ÷ it"), added("limits", 0));
    assertEquals(List.of("200.0 TFLOP/s", "2.00"), added("limits", 2));
    // What Rondo did not measure stands there all the same, without a ratio.
    assertEquals(List.of("0.5 calls/s", ""), added("launches", 2));
  }

  @Test
  void whatWasNotMeasuredIsListed() throws IOException {
    var text = Files.readString(folder.resolve("gpu-check.md"));
    assertTrue(text.contains("- train p s bf16, gpu_peers.py: out of time"), text);
    assertTrue(text.contains("kernels.json, rondo.bench.gpu: m of rondo.bench.gpu"), text);
  }
}
