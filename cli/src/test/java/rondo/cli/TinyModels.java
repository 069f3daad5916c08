package rondo.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import rondo.engine.device.Device;
import rondo.nn.Initializer;
import rondo.nn.Model;
import rondo.nn.WeightFiles;
import rondo.nn.Weights;
import rondo.nn.checkpoint.BaseConfig;
import rondo.nn.checkpoint.BlockConfig;
import rondo.nn.checkpoint.BlockKind;
import rondo.nn.checkpoint.ModelConfig;
import rondo.nn.checkpoint.RecurrentConfig;
import rondo.nn.checkpoint.Rope;
import rondo.nn.checkpoint.Surgery;
import rondo.nn.checkpoint.TokenIds;

/** Small models at random, written as folders. */
final class TinyModels {
  static final int VOCABULARY = 50;
  static final int POSITIONS = 32;

  private static final BaseConfig BASE = base(4);

  private TinyModels() {}

  private static BaseConfig base(int layers) {
    return new BaseConfig(
        new BlockConfig(BlockKind.LLAMA, 16, 4, 2, 4, 24, 1e-5, new Rope(10000, false, null)),
        layers,
        VOCABULARY,
        POSITIONS,
        true,
        new TokenIds(1, List.of(2), null),
        "float32");
  }

  /** With room for the bytes' tokenizer, and special tokens that may be others than its. */
  static Path ofBytes(Path folder, TokenIds tokens) throws IOException {
    var config = new BaseConfig(BASE.block(), 2, 258, POSITIONS, true, tokens, "float32");
    return write(config, folder, WeightFiles.Precision.F32);
  }

  static Path fixed(Path folder) throws IOException {
    return write(BASE, folder, WeightFiles.Precision.F32);
  }

  static Path deep(Path folder, int layers) throws IOException {
    return write(base(layers), folder, WeightFiles.Precision.F32);
  }

  static Path bfloat16(Path folder) throws IOException {
    return write(BASE, folder, WeightFiles.Precision.BF16);
  }

  static Path recurrent(Path folder) throws IOException {
    var surgery = new Surgery(List.of(0), List.of(1, 2), List.of(3));
    return write(
        RecurrentConfig.retrofit(BASE, surgery, "base", "kaiming").withRecurrence(4, 2),
        folder,
        WeightFiles.Precision.F32);
  }

  private static Path write(ModelConfig config, Path folder, WeightFiles.Precision precision)
      throws IOException {
    Files.createDirectories(folder);
    try (var device = Device.plain();
        var weights = Weights.allocate(Model.of(config), device)) {
      Initializer.fill(weights, device, 7);
      WeightFiles.save(weights, folder, precision);
    }
    return folder;
  }

  /** Rows of ids that count upwards. */
  static Path data(Path file, int rows, int length) throws IOException {
    var lines = new StringBuilder();
    for (int row = 0; row < rows; row++) {
      lines.append("{\"input_ids\": [");
      for (int i = 0; i < length; i++) {
        lines.append(i == 0 ? "" : ", ").append((row * 7 + i) % VOCABULARY);
      }
      lines.append("]}\n");
    }
    return Files.writeString(file, lines);
  }
}
