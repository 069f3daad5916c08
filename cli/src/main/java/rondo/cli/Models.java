package rondo.cli;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import rondo.data.tokenizer.Tokenizer;
import rondo.data.tokenizer.Tokenizers;
import rondo.engine.device.Device;
import rondo.nn.WeightFiles;
import rondo.nn.Weights;
import rondo.nn.checkpoint.CheckpointFolder;
import rondo.nn.checkpoint.ModelConfig;
import rondo.nn.checkpoint.RecurrentConfig;
import rondo.train.Checkpoints;

/** Models as commands name them: a model folder, or a run's folder for its newest checkpoint. */
final class Models {
  private Models() {}

  /** The model folder that {@code given} names. */
  static Path folder(Path given) {
    return Checkpoints.resolve(given);
  }

  /** What a model is, without reading its weights. */
  static ModelConfig config(Path folder) {
    try (var files = CheckpointFolder.open(folder)) {
      return files.config();
    }
  }

  /** Reads the weights and passes on what there is to remark. */
  static Weights load(Path folder, Device device, Console console) {
    var weights = WeightFiles.load(folder, device);
    for (var note : weights.notes()) {
      console.note(folder + ": " + note);
    }
    return weights;
  }

  /** A folder's tokenizer, where it has one. */
  static Optional<Tokenizer> tokenizer(Path folder) {
    return Files.exists(folder.resolve("tokenizer.json"))
        ? Optional.of(Tokenizers.load(folder))
        : Optional.empty();
  }

  /** A line that says what a model is. */
  static String describe(ModelConfig config) {
    var block = config.block();
    var kind =
        switch (block.kind()) {
          case LLAMA -> "Llama";
          case OLMO2 -> "OLMo-2";
          case HUGINN -> "Huginn";
        };
    var depth =
        switch (config) {
          case RecurrentConfig r ->
              "recurrent: %d prelude, %d core, %d coda blocks"
                  .formatted(r.prelude(), r.core(), r.coda());
          case rondo.nn.checkpoint.BaseConfig b -> "fixed depth: " + b.layers() + " blocks";
        };
    return "%s; %s of width %s; vocabulary %s; %s positions"
        .formatted(
            depth,
            kind,
            Numbers.count(block.width()),
            Numbers.count(config.vocabulary()),
            Numbers.count(config.maxPositions()));
  }
}
