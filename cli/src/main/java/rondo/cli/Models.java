package rondo.cli;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import rondo.data.hub.Hub;
import rondo.data.hub.HubName;
import rondo.data.hub.HubSettings;
import rondo.data.tokenizer.Tokenizer;
import rondo.data.tokenizer.Tokenizers;
import rondo.engine.device.Device;
import rondo.nn.WeightFiles;
import rondo.nn.Weights;
import rondo.nn.checkpoint.BaseConfig;
import rondo.nn.checkpoint.CheckpointFolder;
import rondo.nn.checkpoint.ConfigReader;
import rondo.nn.checkpoint.ModelConfig;
import rondo.nn.checkpoint.RecurrentConfig;
import rondo.train.Checkpoints;

/**
 * Models as commands name them: a model folder, a run's folder for its newest checkpoint, or a name
 * on a Hugging Face hub.
 */
final class Models {
  private Models() {}

  /** What every option that takes a model says of the third kind. */
  static final String OR_NAME = "or org/name[@revision] on a Hugging Face hub";

  private static final long MEBIBYTE = 1 << 20;

  /** The model folder that {@code given} names; fetched first where it is on a hub. */
  static Path folder(Path given, Console console) {
    var name = HubName.of(given);
    if (name.isEmpty()) {
      return Checkpoints.resolve(given);
    }
    try (var hub = new Hub(HubSettings.ofProcess());
        var progress = new Progress(console, "MiB")) {
      return hub.folder(
          name.get(),
          (file, done, total) ->
              progress.update(
                  done / MEBIBYTE,
                  Math.ceilDiv(total, MEBIBYTE),
                  "%s of %s".formatted(file, name.get())),
          progress::note);
    }
  }

  /**
   * What the model that {@code given} names is; of one on a hub no weights are fetched, unless only
   * they tell what its blocks are.
   */
  static ModelConfig config(Path given, Console console) {
    var name = HubName.of(given);
    if (name.isPresent()) {
      try (var hub = new Hub(HubSettings.ofProcess())) {
        var folder = hub.description(name.get(), console::note);
        var tensors = CheckpointFolder.namesIn(folder);
        var config = ConfigReader.read(folder.resolve(CheckpointFolder.CONFIG), tensors);
        if (config instanceof BaseConfig || !tensors.isEmpty()) {
          return config;
        }
      }
    }
    return config(folder(given, console));
  }

  /** What to call a model: its name on a hub, or the last part of its folder's path. */
  static String name(Path given, Path folder) {
    return HubName.of(given).map(HubName::repository).orElseGet(() -> lastOf(folder));
  }

  /** The last part of a path. */
  static String lastOf(Path path) {
    var last = path.toAbsolutePath().normalize().getFileName();
    return last == null ? path.toString() : last.toString();
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
          case BaseConfig b -> "fixed depth: " + b.layers() + " blocks";
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
