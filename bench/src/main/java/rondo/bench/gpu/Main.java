package rondo.bench.gpu;

import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import rondo.bench.Measurement;
import rondo.bench.Options;
import rondo.engine.device.Devices;
import rondo.engine.graph.DType;
import rondo.engine.nativelib.Library;
import rondo.engine.nativelib.NativeFile;
import rondo.nn.depth.Depth;
import rondo.nn.depth.Keep;

/**
 * Measures on one device and writes a JSON document:
 *
 * <pre>
 *   --device D        cuda, emulated or cpu                                  (cuda)
 *   --parts a,b       of limits, products, kernels, decode-kernels, train, decode (all)
 *   --presets a,b     of tinyllama-4-8-4, llama3.2-4-6-4, olmo2-4-6-4, huginn   (all, in this order)
 *   --types a,b       of the activations of kernels: bf16, f32               (both)
 *   --precision P     of train and decode: bf16, or f32                      (bf16; f32 on a cpu)
 *   --tiny yes        toy shapes, to test the code anywhere                  (no)
 *   --batch N         rows of 1024 tokens, of kernels and of training        (8)
 *   --frozen, --tracked N, --keep state|all   of the training step           (24, 8, state)
 *   --rounds N, --seconds S   rounds, and about how long each is             (7, 0.02)
 *   --limit S         seconds after which nothing new is begun               (300)
 *   --contender NAME  what the figures are called                            (Rondo)
 *   --out FILE                                                               (gpu.json)
 * </pre>
 *
 * <p>Limits come first, as floors need them. {@code products} is the part of {@code kernels} that
 * {@code RONDO_CUBLASLT=none} changes.
 */
public final class Main {
  private static final Set<String> OPTIONS =
      Set.of(
          "device",
          "parts",
          "presets",
          "types",
          "precision",
          "tiny",
          "batch",
          "frozen",
          "tracked",
          "keep",
          "rounds",
          "seconds",
          "limit",
          "contender",
          "out");

  private Main() {}

  /** Measures what the arguments say. */
  public static void main(String[] arguments) throws IOException {
    var options = new Options(arguments, OPTIONS);
    long start = System.nanoTime();
    var name = options.text("device", "cuda");
    try (var library = open(name)) {
      var lab =
          new Lab(
              library,
              !name.equals("cpu"),
              options.text("tiny", "no").equals("no"),
              options.count("rounds", 7),
              options.number("seconds", 0.02),
              options.number("limit", 300),
              options.text("contender", Measurement.RONDO));
      measure(lab, options, name);
      var facts = new LinkedHashMap<String, String>();
      facts.put("device", name);
      facts.put("library", library.describe());
      facts.put("java", Runtime.version().toString());
      var memory = library.memory();
      facts.put("memory", memory.unused() + " bytes free of " + memory.total());
      double took = (System.nanoTime() - start) / 1e9;
      Json.write(Path.of(options.text("out", "gpu.json")), lab, facts, took);
    }
  }

  private static Library open(String device) {
    int threads = device.equals("cpu") ? Runtime.getRuntime().availableProcessors() : 1;
    var kind = device.startsWith("cuda") ? "cuda" : device;
    int ordinal = device.contains(":") ? Integer.parseInt(device.substring(5)) : 0;
    return Library.open(NativeFile.find("librondo_" + kind + ".so"), ordinal, threads);
  }

  private static void measure(Lab lab, Options options, String device) {
    boolean tiny = options.text("tiny", "no").equals("yes");
    var parts =
        List.of(
            options
                .text("parts", "limits,products,kernels,decode-kernels,train,decode")
                .split(",", -1));
    var chosen = options.text("presets", "");
    var presets = Preset.named(chosen, tiny);
    int batch = options.count("batch", 8);
    if (parts.contains("limits")) {
      Limits.measure(lab, tiny);
    }
    // What matters most first: what is out of time is left out.
    for (var type : List.of(options.text("types", "bf16,f32").split(",", -1))) {
      operations(lab, parts, presets, batch, DType.valueOf(type.toUpperCase(Locale.ROOT)));
      if (type.equals("bf16")) {
        if (parts.contains("decode-kernels")) {
          presets.forEach(p -> DecodeKernels.measure(lab, p, tiny));
        }
        if (parts.contains("kernels")) {
          Updates.measure(lab, tiny);
          Updates.newtonSchulz(lab, presets.getFirst());
        }
      }
    }
    if (parts.contains("train") || parts.contains("decode")) {
      steps(lab, options, device, parts, presets, tiny);
    }
  }

  private static void operations(
      Lab lab, List<String> parts, List<Preset> presets, int batch, DType type) {
    for (var p : presets) {
      if (parts.contains("products")) {
        Products.measure(lab, p, batch * p.time(), type);
      }
      if (parts.contains("kernels")) {
        Attentions.measure(lab, p, batch, p.time(), type);
        Losses.measure(lab, p, batch * p.time(), type);
        Rows.measure(lab, p, batch, p.time(), type);
      }
    }
  }

  private static void steps(
      Lab lab,
      Options options,
      String name,
      List<String> parts,
      List<Preset> presets,
      boolean tiny) {
    var otherwise = name.equals("cpu") ? "f32" : "bf16";
    var type = DType.valueOf(options.text("precision", otherwise).toUpperCase(Locale.ROOT));
    var depth = new Depth(options.count("frozen", 24), options.count("tracked", 8));
    var keep = Keep.valueOf(options.text("keep", "state").toUpperCase(Locale.ROOT));
    int batch = options.count("batch", 8);
    try (var device = Devices.open(name, 0)) {
      // A preset after the other, so that the first has both where time runs out.
      for (var p : presets) {
        if (parts.contains("train")) {
          TrainFigures.measure(lab, device, p, batch, depth, keep, type);
        }
        if (parts.contains("decode")) {
          DecodeFigures.measure(lab, device, p, type, tiny);
        }
      }
    }
  }
}
