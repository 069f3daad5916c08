package rondo.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import rondo.data.tokenizer.Tokenizers;
import rondo.engine.device.Device;
import rondo.nn.Retrofit;
import rondo.nn.WeightFiles;
import rondo.nn.checkpoint.AtomicFiles;
import rondo.nn.checkpoint.BaseConfig;
import rondo.nn.checkpoint.CheckpointFolder;
import rondo.nn.checkpoint.ParameterCounts;
import rondo.nn.checkpoint.Published;
import rondo.nn.checkpoint.StoredType;
import rondo.nn.checkpoint.Surgery;

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
          + " model's own. TinyLlama 1.1B, Llama 3.2 1B and OLMo 2 1B know their published cut."
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
      paramLabel = "DIR",
      description = "Folder of the fixed-depth model.")
  private Path model = Path.of("");

  @Option(names = "--prelude", paramLabel = "LAYERS", description = "Layers that run once, before.")
  private @Nullable String prelude;

  @Option(names = "--core", paramLabel = "LAYERS", description = "Layers that recur.")
  private @Nullable String core;

  @Option(names = "--coda", paramLabel = "LAYERS", description = "Layers that run once, after.")
  private @Nullable String coda;

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

  @Override
  void run(Console console) throws IOException {
    var folder = Models.folder(model);
    BaseConfig config;
    WeightFiles.Precision precision;
    try (var files = CheckpointFolder.open(folder)) {
      if (!(files.config() instanceof BaseConfig base)) {
        throw new IllegalArgumentException(
            folder + ": is recurrent already; retrofit takes a fixed-depth model");
      }
      config = base;
      precision = precision(files);
    }
    var surgery = surgery(config, folder);
    Output.requireFresh("--out", out);
    var start = adapter();
    // Weights are only copied, never multiplied: any device would do.
    try (var device = Device.plain();
        var base = Models.load(folder, device, console);
        var made = Retrofit.of(base, surgery, start, name(folder), device)) {
      Output.makeFolder("--out", out);
      WeightFiles.save(made, out, precision);
      var kept = companions(folder);
      report(console, config, surgery, ParameterCounts.of(made.model().config()), precision, kept);
    }
  }

  /** The last part of a path. */
  static String name(Path folder) {
    var last = folder.toAbsolutePath().normalize().getFileName();
    return last == null ? folder.toString() : last.toString();
  }

  /** Bfloat16 only where all is: any other type fits into float32 without rounding. */
  private static WeightFiles.Precision precision(CheckpointFolder files) {
    boolean all =
        files.names().stream()
            .allMatch(name -> {
              var tensor = files.find(name);
              return tensor != null && tensor.type() == StoredType.BF16;
            });
    return all ? WeightFiles.Precision.BF16 : WeightFiles.Precision.F32;
  }

  private Surgery surgery(BaseConfig config, Path folder) {
    if (prelude != null && core != null && coda != null) {
      return Surgery.parse(prelude, core, coda, config.layers());
    }
    var known = Published.surgeryOf(config);
    if (prelude != null || core != null || coda != null || known == null) {
      throw new IllegalArgumentException(
          "%s: expected --prelude, --core and --coda, all three%s"
              .formatted(
                  folder,
                  known == null ? "; no published cut is known for it" : ", or none of them"));
    }
    return known;
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

  private List<String> companions(Path folder) throws IOException {
    var kept = new ArrayList<String>();
    for (var name : Tokenizers.FILES) {
      if (Files.exists(folder.resolve(name))) {
        AtomicFiles.write(out.resolve(name), Files.readAllBytes(folder.resolve(name)));
        kept.add(name);
      }
    }
    return kept;
  }

  private void report(
      Console console,
      BaseConfig config,
      Surgery surgery,
      ParameterCounts counts,
      WeightFiles.Precision precision,
      List<String> kept) {
    var dropped = surgery.dropped(config.layers());
    var before = ParameterCounts.of(config);
    var table = new TextTable("part", "layers", "parameters").align("ll");
    table.row("prelude", layers(surgery.prelude()), Numbers.count(counts.prelude()));
    table.row("core", layers(surgery.core()), Numbers.count(counts.core()));
    table.row("coda", layers(surgery.coda()), Numbers.count(counts.coda()));
    table.row("adapter", adapter, Numbers.count(counts.adapter()));
    table.row("embedding", "", Numbers.count(counts.embedding()));
    table.row("head", config.tied() ? "untied" : "", Numbers.count(counts.head()));
    table.row("final norm", "", Numbers.count(counts.finalNorm()));
    table.rule();
    table.row("total", "", Numbers.count(counts.total()));
    table.row("before", config.layers() + " layers", Numbers.count(before.total()));
    console.text(
        "%s\n\ndropped layers: %s\nfiles kept: %s\nwritten in %s to %s"
            .formatted(
                table,
                dropped.isEmpty() ? "none" : layers(dropped),
                kept.isEmpty() ? "none, the model has no tokenizer" : String.join(", ", kept),
                precision == WeightFiles.Precision.BF16 ? "bfloat16" : "float32",
                out));
    var json = Console.object();
    json.put("out", out.toString());
    var cut = json.putObject("surgery");
    surgery.prelude().forEach(cut.putArray("prelude")::add);
    surgery.core().forEach(cut.putArray("core")::add);
    surgery.coda().forEach(cut.putArray("coda")::add);
    dropped.forEach(json.putArray("dropped")::add);
    json.put("adapter", adapter);
    json.put("precision", precision.name().toLowerCase(java.util.Locale.ROOT));
    json.set("parameters", PlanJson.counts(counts));
    kept.forEach(json.putArray("files_kept")::add);
    console.json(json);
  }

  /** 0-3, 7. */
  static String layers(List<Integer> layers) {
    var parts = new ArrayList<String>();
    for (int i = 0; i < layers.size(); ) {
      int j = i;
      while (j + 1 < layers.size() && layers.get(j + 1) == layers.get(j) + 1) {
        j++;
      }
      parts.add(i == j ? "" + layers.get(i) : layers.get(i) + "-" + layers.get(j));
      i = j + 1;
    }
    return String.join(",", parts);
  }
}
