package rondo.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import rondo.nn.Export;
import rondo.nn.WeightFiles;
import rondo.nn.checkpoint.AtomicFiles;
import rondo.nn.checkpoint.BaseConfig;
import rondo.nn.checkpoint.BlockKind;
import rondo.nn.checkpoint.CheckpointFolder;
import rondo.nn.checkpoint.ConfigWriter;
import rondo.nn.checkpoint.GenerationConfig;
import rondo.nn.checkpoint.ModelConfig;
import rondo.nn.checkpoint.Shards;
import rondo.nn.checkpoint.TensorToWrite;

/** A model as a folder that the published PyTorch code loads. */
@Command(
    name = "export",
    sortOptions = false,
    description = {
      "Write a model as a folder for the published PyTorch code.",
      "",
      "The newest checkpoint of a run, or any model folder: weights in shards under the published"
          + " names, config.json with the published keys and the model's own special tokens, and"
          + " the tokenizer. transformers loads a recurrent model with trust_remote_code where"
          + " raven_config_minimal.py and raven_modeling_minimal.py, of the model's kind, lie"
          + " beside (--code copies them there). scripts/check-export.py compares its logits with"
          + " Rondo's."
    },
    footer = {
      "",
      "Example:",
      "  rondo export runs/heal --out heal-hf --dtype bf16 --max-shard-size 2GB"
    })
final class ExportCommand extends Work {
  private static final Pattern SIZE = Pattern.compile("(\\d{1,12})\\s*(|[kmgt]i?b)");
  private static final List<String> CODE =
      List.of("raven_config_minimal.py", "raven_modeling_minimal.py");

  @Parameters(
      index = "0",
      paramLabel = "MODEL",
      description = "Model folder, a run's for its newest checkpoint, " + Models.OR_NAME + ".")
  private Path model = Path.of("");

  @Option(
      names = "--out",
      required = true,
      paramLabel = "DIR",
      description = "Folder to write: new or empty.")
  private Path out = Path.of("");

  @Option(
      names = "--dtype",
      paramLabel = "TYPE",
      description =
          "f32 or bf16, rounded to nearest (default: bf16 where all weights are, else f32).")
  private @Nullable String dtype;

  @Option(
      names = "--max-shard-size",
      paramLabel = "SIZE",
      description = "Most bytes of one file: 5GB, 500MB, 2GiB (default: 5GB).")
  private String most = "5GB";

  @Option(
      names = "--untie",
      description =
          "Give a model of fixed depth whose head is its embedding a head of its own, with the same"
              + " values: trained further, both move apart.")
  private boolean untie;

  @Option(
      names = "--code",
      paramLabel = "DIR",
      description = "Folder with the two Python files of the published code, to be copied.")
  private @Nullable Path code;

  @Override
  void run(Console console) throws IOException {
    long bytes = size(most);
    var modules = modules();
    var folder = Models.folder(model, console);
    Output.requireFresh("--out", out);
    try (var files = CheckpointFolder.open(folder)) {
      var precision = precision(files);
      var config = config(files.config());
      var tensors = Export.tensors(files, precision, untie);
      var unused = files.unusedNote();
      if (unused != null) {
        console.note(folder + ": " + unused);
      }
      Output.makeFolder("--out", out);
      var written = Shards.write(out, tensors, bytes);
      var kept = ModelFiles.copy(folder, out);
      GenerationConfig.write(out, folder, files.config());
      for (var module : modules) {
        AtomicFiles.write(
            out.resolve(String.valueOf(module.getFileName())), Files.readAllBytes(module));
      }
      // Last: a folder without it is no model, so a half-written one is none.
      ConfigWriter.write(out.resolve(CheckpointFolder.CONFIG), config.withDtype(precision.dtype()));
      report(console, folder, tensors, precision, written, kept);
      if (precision == WeightFiles.Precision.BF16
          && files.config().block().kind() == BlockKind.HUGINN) {
        console.note(
            "transformers takes torch_dtype=\"auto\" from the first tensor, Huginn's rotary table,"
                + " which stays float32: load with torch_dtype=torch.bfloat16");
      }
    }
  }

  private ModelConfig config(ModelConfig stored) {
    if (!untie) {
      return stored;
    }
    if (stored instanceof BaseConfig base && base.tied()) {
      return base.untied();
    }
    throw new IllegalArgumentException(
        "--untie: %s: expected a model of fixed depth whose head is its embedding"
            .formatted(model));
  }

  private WeightFiles.Precision precision(CheckpointFolder files) {
    return switch (dtype == null ? "" : dtype) {
      case "f32" -> WeightFiles.Precision.F32;
      case "bf16" -> WeightFiles.Precision.BF16;
      case "" ->
          ModelFiles.isBfloat16(files) ? WeightFiles.Precision.BF16 : WeightFiles.Precision.F32;
      default -> throw new IllegalArgumentException("--dtype " + dtype + ": expected f32 or bf16");
    };
  }

  /** The Python files of {@code --code}. */
  private List<Path> modules() {
    if (code == null) {
      return List.of();
    }
    var found = new ArrayList<Path>();
    for (var name : CODE) {
      var file = code.resolve(name);
      if (!Files.isRegularFile(file)) {
        throw new IllegalArgumentException("--code " + code + ": has no " + name);
      }
      found.add(file);
    }
    return found;
  }

  /** 5GB, 500MB, 2GiB, 1000000. */
  static long size(String text) {
    var match = SIZE.matcher(text.strip().toLowerCase(Locale.ROOT));
    if (!match.matches()) {
      throw new IllegalArgumentException(
          "--max-shard-size " + text + ": expected a size such as 5GB, 500MB or 2GiB");
    }
    var unit = match.group(2);
    int base = unit.contains("i") ? 1024 : 1000;
    long bytes = Long.parseLong(match.group(1));
    int power = unit.isEmpty() ? 0 : 1 + "kmgt".indexOf(unit.charAt(0));
    double factor = Math.pow(base, power);
    if (bytes == 0 || (double) bytes * factor > 1e18) {
      throw new IllegalArgumentException(
          "--max-shard-size " + text + ": expected from one byte to a million TB");
    }
    return bytes * (long) factor;
  }

  private void report(
      Console console,
      Path folder,
      List<TensorToWrite> tensors,
      WeightFiles.Precision precision,
      List<String> written,
      List<String> kept) {
    long bytes = tensors.stream().mapToLong(TensorToWrite::bytes).sum();
    var type = precision == WeightFiles.Precision.BF16 ? "bfloat16" : "float32";
    console.text(
        "%s: %d tensors in %s, %s in %d file%s, to %s\nfiles kept: %s"
            .formatted(
                folder,
                tensors.size(),
                type,
                Numbers.bytes(bytes),
                written.size(),
                written.size() == 1 ? "" : "s",
                out,
                kept.isEmpty() ? "none, the model has no tokenizer" : String.join(", ", kept)));
    var json = Console.object();
    json.put("model", folder.toString());
    json.put("out", out.toString());
    json.put("dtype", type);
    json.put("tensors", tensors.size());
    json.put("bytes", bytes);
    written.forEach(json.putArray("weights")::add);
    kept.forEach(json.putArray("files_kept")::add);
    console.json(json);
  }
}
