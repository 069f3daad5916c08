package rondo.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import rondo.engine.device.Device;
import rondo.engine.device.OutOfDeviceMemoryException;
import rondo.nn.Retrofit;
import rondo.nn.RetrofitCheck;
import rondo.nn.WeightFiles;
import rondo.nn.checkpoint.BaseConfig;
import rondo.nn.checkpoint.CheckpointFolder;
import rondo.nn.checkpoint.GenerationConfig;
import rondo.nn.checkpoint.ParameterCounts;
import rondo.nn.checkpoint.Published;
import rondo.nn.checkpoint.RecurrentConfig;
import rondo.nn.checkpoint.SafetensorsFile;
import rondo.nn.checkpoint.StoredType;
import rondo.nn.checkpoint.Surgery;
import rondo.train.Checkpoints;
import tools.jackson.databind.node.ObjectNode;

/** A fixed-depth checkpoint becomes a recurrent one. */
@Command(
    name = "retrofit",
    sortOptions = false,
    description = {
      "Cut a fixed-depth model into prelude, core and coda: a recurrent model, still to be"
          + " trained.",
      "",
      "Layers count from 0 and are given as ranges or lists (0-3 or 0,1,5-7); layers in no part"
          + " are dropped. Weights are copied unrounded; tokenizer and special tokens stay the"
          + " model's own. TinyLlama 1.1B, Llama 3.2 1B and OLMo 2 1B know their published cut.",
      "",
      "What was written is read again and checked: with the adapter passed by and one recurrence,"
          + " the hidden state after every block must be that of the base without its dropped"
          + " layers. A difference is a failure that names the first layer."
    },
    footer = {
      "",
      "Example:",
      "  rondo retrofit --model TinyLlama-1.1B --prelude 0-3 --core 10-17 --coda 18-21 \\",
      "      --adapter kaiming --out tinyllama-4-8-4"
    })
final class RetrofitCommand extends Work {
  @Option(
      names = "--model",
      required = true,
      paramLabel = "DIR|NAME",
      description = "Folder of the fixed-depth model, " + Models.OR_NAME + ".")
  private Path model = Path.of("");

  @Option(names = "--prelude", paramLabel = "LAYERS", description = "Layers that run once, before.")
  private @Nullable String prelude;

  @Option(names = "--core", paramLabel = "LAYERS", description = "Layers that recur.")
  private @Nullable String core;

  @Option(names = "--coda", paramLabel = "LAYERS", description = "Layers that run once, after.")
  private @Nullable String coda;

  @Option(
      names = "--cut",
      paramLabel = "NAME",
      description =
          "A published cut instead of layers: tinyllama-4-8-4, llama3.2-4-6-4, llama3.2-2-4-2 or"
              + " olmo2-4-6-4 (default: the model's, where it is one of these).")
  private @Nullable String cut;

  @Option(
      names = "--adapter",
      paramLabel = "START",
      description =
          "kaiming (random, as published), identity (passes the prelude's output through) or a"
              + " safetensors file with transformer.adapter.weight (default: kaiming).")
  private String adapter = "kaiming";

  @Option(
      names = "--out",
      required = true,
      paramLabel = "DIR",
      description = "Folder to write: new or empty.")
  private Path out = Path.of("");

  @Option(names = "--no-verify", description = "Write without the check.")
  private boolean unverified;

  @Option(
      names = "--verify-only",
      description = "Only check the model that --out holds already; write nothing.")
  private boolean onlyVerified;

  @Override
  void run(Console console) throws IOException {
    if (unverified && onlyVerified) {
      throw new IllegalArgumentException("--no-verify with --verify-only: nothing is left to do");
    }
    var folder = Models.folder(model, console);
    var config = base(folder);
    var report = Console.object();
    report.put("out", out.toString());
    if (onlyVerified) {
      var made = Checkpoints.resolve(out);
      verify(console, report, folder, made, surgery(config, folder, origin(made)));
      return;
    }
    var surgery = surgery(config, folder, null);
    Output.requireFresh("--out", out);
    var start = adapter();
    var precision = precision(folder, start);
    ParameterCounts counts;
    // Weights are only copied, never multiplied: any device would do.
    try (var device = Device.plain();
        var weights = Models.load(folder, device, console);
        var made = Retrofit.of(weights, surgery, start, Models.name(model, folder), device)) {
      Output.makeFolder("--out", out);
      WeightFiles.save(made, out, precision);
      counts = ParameterCounts.of(made.model().config());
    }
    var kept = companions(folder, config);
    console.text(
        RetrofitReport.text(config, surgery, counts, adapter)
            + "\nfiles kept: %s\nwritten in %s to %s"
                .formatted(
                    kept.isEmpty() ? "none, the model has no tokenizer" : String.join(", ", kept),
                    precision == WeightFiles.Precision.BF16 ? "bfloat16" : "float32",
                    out));
    RetrofitReport.put(report, config, surgery, counts);
    report.put("adapter", adapter);
    report.put("precision", precision.name().toLowerCase(Locale.ROOT));
    kept.forEach(report.putArray("files_kept")::add);
    if (unverified) {
      report.putNull("verified");
      console.json(report);
    } else {
      verify(console, report, folder, out, surgery);
    }
  }

  private static BaseConfig base(Path folder) {
    if (Models.config(folder) instanceof BaseConfig base) {
      return base;
    }
    throw new IllegalArgumentException(
        folder + ": is recurrent already; retrofit takes a fixed-depth model");
  }

  private static @Nullable Surgery origin(Path folder) {
    return Models.config(folder) instanceof RecurrentConfig made && made.origin() != null
        ? made.origin().surgery()
        : null;
  }

  /** Compares both folders on the device asked for, tells the result, and fails on a difference. */
  private void verify(
      Console console, ObjectNode report, Path baseFolder, Path madeFolder, Surgery surgery) {
    List<RetrofitCheck.Row> rows;
    try (var device = open(console);
        var base = WeightFiles.load(baseFolder, device);
        var made = WeightFiles.load(madeFolder, device)) {
      rows = RetrofitCheck.compare(base, made, surgery, common.seed());
    } catch (OutOfDeviceMemoryException e) {
      console.note(
          "not checked: %s; retrofit --verify-only --device cpu checks it in the host's memory"
              .formatted(e.getMessage()));
      report.putNull("verified");
      console.json(report);
      return;
    }
    console.text("\n" + RetrofitReport.text(rows));
    RetrofitReport.put(report, rows);
    console.json(report);
    for (var row : rows) {
      if (!row.agrees()) {
        throw new FailedCheck(
            "%s: %s differs from the base %s by %s (largest value there %s): not the same model"
                .formatted(
                    madeFolder,
                    row.name(),
                    baseFolder,
                    RetrofitReport.number(row.difference()),
                    RetrofitReport.number(row.largest())));
      }
    }
  }

  /** Bfloat16 only where all is: any other type fits into float32 without rounding. */
  private static WeightFiles.Precision precision(Path folder, Retrofit.Adapter start) {
    try (var files = CheckpointFolder.open(folder)) {
      return ModelFiles.isBfloat16(files) && fitsBfloat16(start)
          ? WeightFiles.Precision.BF16
          : WeightFiles.Precision.F32;
    }
  }

  /** A random adapter is drawn for the type of the rest, as published; one from a file is kept. */
  private static boolean fitsBfloat16(Retrofit.Adapter start) {
    if (!(start instanceof Retrofit.Adapter.FromFile(var file))) {
      return true;
    }
    try (var tensors = SafetensorsFile.open(file)) {
      var stored = tensors.tensors().get("transformer.adapter.weight");
      return stored != null && stored.type() == StoredType.BF16;
    }
  }

  private Surgery surgery(BaseConfig config, Path folder, @Nullable Surgery unless) {
    if (cut != null) {
      if (prelude != null || core != null || coda != null) {
        throw new IllegalArgumentException("--cut " + cut + ": instead of layers, not with them");
      }
      return published(cut, config, folder);
    }
    if (prelude != null && core != null && coda != null) {
      return Surgery.parse(prelude, core, coda, config.layers());
    }
    var known = unless == null ? Published.surgeryOf(config) : unless;
    if (prelude != null || core != null || coda != null || known == null) {
      throw new IllegalArgumentException(
          "%s: expected --prelude, --core and --coda, all three%s"
              .formatted(
                  folder,
                  known == null ? "; no published cut is known for it" : ", or none of them"));
    }
    return known;
  }

  private static Surgery published(String name, BaseConfig config, Path folder) {
    if (!(Published.named(name).config() instanceof RecurrentConfig recurrent)
        || recurrent.origin() == null) {
      throw new IllegalArgumentException(
          "--cut " + name + ": expected a retrofit, such as tinyllama-4-8-4 or llama3.2-2-4-2");
    }
    var surgery = recurrent.origin().surgery();
    int last = surgery.coda().getLast();
    if (last != config.layers() - 1) {
      throw new IllegalArgumentException(
          "--cut %s: is for models of %d layers, %s has %d; name layers by --prelude, --core, --coda"
              .formatted(name, last + 1, folder, config.layers()));
    }
    return surgery;
  }

  private Retrofit.Adapter adapter() {
    return switch (adapter) {
      case "kaiming" -> new Retrofit.Adapter.Kaiming(common.seed());
      case "identity" -> new Retrofit.Adapter.Identity();
      default -> {
        if (!Files.exists(Path.of(adapter))) {
          throw new IllegalArgumentException(
              "--adapter " + adapter + ": no such file; expected kaiming, identity or a file");
        }
        yield new Retrofit.Adapter.FromFile(Path.of(adapter));
      }
    };
  }

  private List<String> companions(Path folder, BaseConfig config) throws IOException {
    var kept = ModelFiles.copy(folder, out);
    GenerationConfig.write(out, folder, config);
    return kept;
  }
}
