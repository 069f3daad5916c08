package rondo.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import rondo.data.tokenizer.Tokenizers;
import rondo.nn.checkpoint.AtomicFiles;
import rondo.nn.checkpoint.CheckpointFolder;
import rondo.nn.checkpoint.StoredType;

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

  /** Whether every tensor is bfloat16: any other type fits into float32 without rounding. */
  static boolean isBfloat16(CheckpointFolder files) {
    return files.types().equals(Set.of(StoredType.BF16));
  }
}
