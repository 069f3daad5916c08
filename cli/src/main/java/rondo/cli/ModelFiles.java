package rondo.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import rondo.data.tokenizer.Tokenizers;
import rondo.nn.checkpoint.AtomicFiles;

/** The files of a model folder beside its weights and configuration. */
final class ModelFiles {
  private ModelFiles() {}

  /** Copies what there is of them from one folder to another; their names. */
  static List<String> copy(Path from, Path to) throws IOException {
    var kept = new ArrayList<String>();
    for (var name : Tokenizers.FILES) {
      if (Files.exists(from.resolve(name))) {
        AtomicFiles.write(to.resolve(name), Files.readAllBytes(from.resolve(name)));
        kept.add(name);
      }
    }
    return kept;
  }
}
