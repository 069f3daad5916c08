package rondo.cli;

import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static rondo.cli.Called.rondo;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import rondo.data.tokenizer.ByteTokenizer;
import rondo.nn.checkpoint.TokenIds;
import rondo.train.TokenizerFiles;

/**
 * Data made with a tokenizer that is not the model's, whose ids the model would take all the same.
 */
class TokenizerFitTest {
  private static final TokenIds OWN =
      new TokenIds(ByteTokenizer.BOS, List.of(7, ByteTokenizer.EOS), null);

  @TempDir Path folder;
  private Path words = Path.of("");
  private Path text = Path.of("");
  private Path own = Path.of("");
  private Path other = Path.of("");

  @BeforeEach
  void write() throws IOException {
    words = Files.createDirectory(folder.resolve("words"));
    TokenizerFiles.write(new ByteTokenizer(), words);
    text = Files.writeString(folder.resolve("text.txt"), "what there is to learn. ".repeat(40));
    own = TinyModels.ofBytes(folder.resolve("own"), OWN);
    other = TinyModels.ofBytes(folder.resolve("other"), new TokenIds(1, List.of(2), null));
  }

  private Called train(Path model, String data, String init) throws IOException {
    var recipe =
        Files.writeString(
            folder.resolve("recipe.yaml"),
            """
            model: %s
            init: %s
            out: %s
            data: {%s, sequence_length: 8, tokenizer: %s}
            batch: {sequences: 2}
            steps: 1
            """
                .formatted(model, init, folder.resolve("run-" + model.getFileName()), data, words));
    return rondo("train", recipe);
  }

  private static void assertRefused(String expected, Called call) {
    var told = call.wrong();
    assertTrue(told.contains(expected), told);
  }

  @Test
  void textIsRefused() throws IOException {
    var data = "train: [{path: " + text + "}]";
    assertRefused("has BOS 256 where the model has 1: use", train(other, data, "weights"));
    var held = "train: [{path: %s}], validation: {path: %s}".formatted(text, text);
    train(own, held, "weights").works();
    var loss = new Object[] {"loss", "--data", text, "--tokenizer", words, "--model"};
    assertRefused("BOS 256 where the model has 1", rondo(with(loss, other)));
    rondo(with(loss, own)).works();
    var out = folder.resolve("packed");
    var pack =
        new Object[] {
          "pack",
          "--data",
          text,
          "--tokenizer",
          words,
          "--sequence-length",
          8,
          "--out",
          out,
          "--model"
        };
    assertRefused("BOS 256 where the model has 1", rondo(with(pack, other)));
    assertFalse(Files.exists(out));
    rondo(with(pack, own)).works();
  }

  @Test
  void packedRowsAreRefusedByWhatTheirFolderSays() throws IOException {
    var out = folder.resolve("packed");
    Files.writeString(text, "a document\n<|endoftext|>\n".repeat(60));
    rondo(
            "pack",
            "--data",
            text,
            "--tokenizer",
            words,
            "--sequence-length",
            8,
            "--validation-fraction",
            0.4,
            "--out",
            out)
        .works();
    var expected = "pack.json: packed with tokenizer";
    var held = out.resolve("validation");
    for (var path : List.of(out, out.resolve("00000.parquet"), held)) {
      var data = "train: [{path: " + path + "}]";
      assertRefused(expected, train(other, data, "weights"));
    }
    assertRefused(expected, rondo("loss", "--data", held, "--model", other));
    train(own, "train: [{path: %s}], validation: {path: %s}".formatted(out, held), "weights")
        .works();
    // Nothing is known, nothing is refused; what is broken is told.
    Files.writeString(out.resolve("pack.json"), "{}");
    rondo("loss", "--data", held, "--model", other).works();
    Files.writeString(out.resolve("pack.json"), "{");
    assertRefused("pack the data again", rondo("loss", "--data", held, "--model", other));
  }

  /** The published retrofits' configurations name Huginn's tokens beside Llama's tokenizer. */
  @Test
  void theTokenizerInTheModelsFolderKnowsBetterThanItsConfiguration() throws IOException {
    TokenizerFiles.write(new ByteTokenizer(), other);
    train(other, "train: [{path: " + text + "}]", "weights").works();
    rondo("loss", "--data", text, "--model", other).works();
    Files.writeString(other.resolve("tokenizer.json"), "{");
    assertRefused(
        "BOS 256 where the model has 1", train(other, "train: [{path: " + text + "}]", "weights"));
  }

  /** Random weights know no token: another tokenizer is theirs, and a note says so. */
  @Test
  void randomWeightsTakeAnyTokenizer() throws IOException {
    var call = train(other, "train: [{path: " + text + "}]", "random").works();
    assertTrue(
        call.err().contains("BOS 256 where the model has 1; checkpoints keep the model's"),
        call.err());
  }

  private static Object[] with(Object[] words, Object last) {
    var all = java.util.Arrays.copyOf(words, words.length + 1);
    all[words.length] = last;
    return all;
  }
}
