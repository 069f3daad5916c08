package rondo.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import rondo.data.tokenizer.ByteTokenizer;
import rondo.nn.checkpoint.TokenIds;
import rondo.train.TokenizerFiles;

/** The program without the libraries that only some kinds of data need, as in a small bundle. */
class OptionalLibrariesTest {
  @TempDir Path folder;

  private static boolean isKept(String jar) {
    return !jar.contains("zstd") && !jar.contains("arrow") && !jar.contains("duckdb");
  }

  /** What {@code rondo loss} says of a file. */
  private String loss(Path model, Path data, int code) throws IOException, InterruptedException {
    var process =
        Forked.rondo(
            "true", OptionalLibrariesTest::isKept, "loss", "--model", model, "--data", data);
    var said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertEquals(code, process.waitFor(), said);
    return said;
  }

  @Test
  void textIsReadAndWhatIsMissingIsNamed() throws IOException, InterruptedException {
    var model = TinyModels.ofBytes(folder.resolve("model"), new TokenIds(256, List.of(257), null));
    TokenizerFiles.write(new ByteTokenizer(), model);
    var text = Files.writeString(folder.resolve("a.txt"), "what there is to learn. ".repeat(40));
    assertTrue(loss(model, text, 0).contains("loss"));
    var compressed = Files.copy(text, folder.resolve("a.txt.zst"));
    assertTrue(loss(model, compressed, 2).contains("add com.github.luben:zstd-jni"));
    var arrow = Files.copy(text, folder.resolve("a.arrow"));
    assertTrue(loss(model, arrow, 2).contains("add org.apache.arrow:arrow-format"));
  }
}
