package rondo.train;

import java.nio.file.Path;
import rondo.data.tokenizer.Tokenizer;
import rondo.data.tokenizer.Tokenizers;
import rondo.nn.checkpoint.AtomicFiles;

/** Tokenizers on the disk, as durable as the weights beside them. */
public final class TokenizerFiles {
  private TokenizerFiles() {}

  /**
   * Writes the files of {@code tokenizer} into a folder that is there.
   *
   * @throws rondo.nn.checkpoint.CheckpointException when one cannot be written
   */
  public static void write(Tokenizer tokenizer, Path folder) {
    Tokenizers.files(tokenizer)
        .forEach((name, bytes) -> AtomicFiles.write(folder.resolve(name), bytes));
  }
}
