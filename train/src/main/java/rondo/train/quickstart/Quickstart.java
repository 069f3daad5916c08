package rondo.train.quickstart;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import rondo.data.Document;
import rondo.data.DocumentSource;
import rondo.data.JavaSources;
import rondo.data.rows.Packing;
import rondo.data.tokenizer.ByteTokenizer;
import rondo.engine.device.Device;
import rondo.engine.graph.DType;
import rondo.nn.Retrofit;
import rondo.nn.WeightFiles;
import rondo.nn.checkpoint.AtomicFiles;
import rondo.nn.checkpoint.BaseConfig;
import rondo.nn.checkpoint.BlockConfig;
import rondo.nn.checkpoint.BlockKind;
import rondo.nn.checkpoint.ConfigWriter;
import rondo.nn.checkpoint.ParameterCounts;
import rondo.nn.checkpoint.Rope;
import rondo.nn.checkpoint.Surgery;
import rondo.nn.checkpoint.TokenIds;
import rondo.nn.checkpoint.WriteException;
import rondo.train.Checkpoints;
import rondo.train.Listener;
import rondo.train.LossOverDepth;
import rondo.train.Recipe;
import rondo.train.TokenizerFiles;
import rondo.train.Trainer;
import tools.jackson.databind.ObjectMapper;

/**
 * The main job on text at hand: train a small fixed-depth base, cut it into prelude, core and coda,
 * heal it with a curriculum of growing recurrence and truncated backpropagation, and compare
 * validation loss over depth with the base trained on for equal FLOPs. Every model folder and
 * recipe is left in the output folder for other commands.
 */
public final class Quickstart {
  /** Depths that losses are measured at. */
  public static final List<Integer> DEPTHS = List.of(1, 2, 3, 4, 6, 8, 12, 16);

  /** Who watches: the parts of the job by name, and every step within. */
  public interface Watcher {
    /** A new part begins. */
    Listener part(String name);

    void note(String line);
  }

  /**
   * One line of the result.
   *
   * @param flops spent on it altogether, base included
   * @param rows loss over depth; one row at 0 recurrences for a fixed-depth model
   */
  public record Series(String name, long parameters, double flops, List<LossOverDepth.Row> rows) {}

  /** What came out. */
  public record Result(
      Series base,
      Series continued,
      Series untrained,
      Series healed,
      String text,
      long textBytes) {}

  private final Path out;
  private final Scale scale;
  private final Device device;
  private final long seed;
  private final Watcher watcher;

  public Quickstart(Path out, Scale scale, Device device, long seed, Watcher watcher) {
    this.out = out;
    this.scale = scale;
    this.device = device;
    this.seed = seed;
    this.watcher = watcher;
  }

  /**
   * Runs the whole job; a job that was interrupted goes on from its checkpoints.
   *
   * @param text a text file to use instead of the JDK's sources
   */
  public Result run(@Nullable Path text) {
    var corpus = corpus(text);
    shape();

    double baseFlops = train("base", out.resolve("base-shape"), "random", scale.baseSteps(), 1);
    var base = Checkpoints.resolve(out.resolve("base"));
    retrofit(base);
    double healFlops =
        train(
            "healed",
            out.resolve("retrofit"),
            "weights",
            scale.healSteps(),
            scale.meanRecurrence());
    // Equal FLOPs, as counted while healing: adapter, head, attention and recomputation included.
    int more = (int) Math.max(1, Math.round(healFlops / (baseFlops / scale.baseSteps())));
    watcher.note(
        String.format(
            Locale.ROOT,
            "healing took %.3g FLOPs: the base gets %d more steps for as many",
            healFlops,
            more));
    double continuedFlops = train("continued", base, "weights", more, 1);
    return new Result(
        measure("base", base, baseFlops),
        measure(
            "base, trained on",
            Checkpoints.resolve(out.resolve("continued")),
            baseFlops + continuedFlops),
        measure("retrofit, untrained", out.resolve("retrofit"), baseFlops),
        measure(
            "retrofit, healed", Checkpoints.resolve(out.resolve("healed")), baseFlops + healFlops),
        corpus.name,
        corpus.bytes);
  }

  private record Corpus(String name, long bytes) {}

  /** Writes train.jsonl and validation.jsonl: split by file, never within one. */
  private Corpus corpus(@Nullable Path text) {
    if (text != null) {
      return split(text);
    }
    var archive = JavaSources.archiveOf(Path.of(System.getProperty("java.home")));
    var sources = new JavaSources(archive, scale.bytes(), 20);
    write(sources.train(), "train.jsonl");
    write(sources.validation(), "validation.jsonl");
    watcher.note(
        String.format(
            Locale.ROOT,
            "text: %,d bytes of Java sources from %s, %d files to train on and %d held out",
            sources.bytes(),
            archive,
            sources.trainFiles().size(),
            sources.validationFiles().size()));
    return new Corpus("Java sources of JDK " + Runtime.version().feature(), sources.bytes());
  }

  /** The last twentieth of a text is held out: as a whole, so that no row straddles the cut. */
  private Corpus split(Path file) {
    var text = TextSplit.of(file, scale.bytes());
    write(documents(file, text.train()), "train.jsonl");
    write(documents(file, text.validation()), "validation.jsonl");
    return new Corpus(file.getFileName().toString(), text.bytes());
  }

  private static DocumentSource documents(Path file, String text) {
    return DocumentSource.of(
        List.of(new Document.Text(text, new Document.Location(file, "document", 1))));
  }

  private void write(DocumentSource source, String name) {
    var json = new ObjectMapper();
    var lines = new StringBuilder();
    try (var reader = source.open()) {
      for (var d = reader.next(); d != null; d = reader.next()) {
        if (d instanceof Document.Text t) {
          lines.append(json.writeValueAsString(json.createObjectNode().put("text", t.text())));
          lines.append('\n');
        }
      }
    }
    AtomicFiles.write(out.resolve(name), lines.toString().getBytes(StandardCharsets.UTF_8));
  }

  /** A folder with the base's config.json and its tokenizer: what a run with init: random reads. */
  private void shape() {
    var tokenizer = new ByteTokenizer();
    int width = scale.width();
    int size = width / scale.heads();
    var block =
        new BlockConfig(
            BlockKind.LLAMA,
            width,
            scale.heads(),
            scale.kvHeads(),
            size,
            scale.hidden(),
            1e-5,
            new Rope(10_000, false, null));
    var config =
        new BaseConfig(
            block,
            scale.layers(),
            tokenizer.vocabularySize(),
            scale.sequenceLength(),
            false,
            new TokenIds(ByteTokenizer.BOS, List.of(ByteTokenizer.EOS), null),
            "float32");
    var folder = out.resolve("base-shape");
    try {
      Files.createDirectories(folder);
    } catch (IOException e) {
      throw new WriteException(folder, e);
    }
    ConfigWriter.write(folder.resolve("config.json"), config);
    TokenizerFiles.write(tokenizer, folder);
  }

  private void retrofit(Path base) {
    var folder = out.resolve("retrofit");
    try (var weights = WeightFiles.load(base, device)) {
      var surgery = Surgery.parse(scale.prelude(), scale.core(), scale.coda(), scale.layers());
      try (var cut =
          Retrofit.of(weights, surgery, new Retrofit.Adapter.Identity(), "base", device)) {
        Files.createDirectories(folder);
        WeightFiles.save(cut, folder, WeightFiles.Precision.F32);
        TokenizerFiles.write(new ByteTokenizer(), folder);
      }
      watcher.note(
          "surgery: layers %s prelude, %s core, %s coda, %s dropped; identity adapter [0 | I]"
              .formatted(
                  surgery.prelude(),
                  surgery.core(),
                  surgery.coda(),
                  surgery.dropped(scale.layers())));
    } catch (IOException e) {
      throw new WriteException(folder, e);
    }
  }

  /** Writes a recipe, runs it, and tells its FLOPs. */
  private double train(String name, Path model, String init, int steps, int meanRecurrence) {
    var recipe = out.resolve(name + ".yaml");
    AtomicFiles.write(
        recipe, recipe(name, model, init, steps, meanRecurrence).getBytes(StandardCharsets.UTF_8));
    try (var trainer = new Trainer(Recipe.read(recipe, List.of()), device, watcher.part(name))) {
      trainer.run();
      return trainer.flops();
    }
  }

  private String recipe(String name, Path model, String init, int steps, int meanRecurrence) {
    boolean fresh = init.equals("random");
    return String.format(
        Locale.ROOT,
        """
        # Written by the quickstart; run again with: ./rondo train %1$s/%2$s.yaml
        model: %3$s
        init: %4$s
        out: %1$s/%2$s
        data:
          train: [{path: %1$s/train.jsonl}]
          sequence_length: %5$d
        batch: {sequences: %6$d}
        steps: %7$d
        depth:
          mean: %8$d
          backprop: %9$d
          curriculum: {curve: 1-sqrt, fraction: 0.5}
        optimizer:
          name: muon
          lr: %10$s
          weight_decay: 0.01
          newton_schulz: {precision: f32}
          adamw: {lr: %11$s, eps: 1e-8, weight_decay: 0.01}
        schedule: {warmup: {fraction: 0.05}, decay: {fraction: 0.5}, curve: cosine, min_ratio: 0.05}
        checkpoint: {every: 500, keep: 1}
        seed: %12$d
        """,
        out,
        name,
        model,
        init,
        scale.sequenceLength(),
        scale.sequences(),
        steps,
        meanRecurrence,
        Math.min(4, meanRecurrence),
        fresh ? "0.02" : "0.01",
        fresh ? "0.004" : "0.002",
        seed);
  }

  private Series measure(String name, Path model, double flops) {
    var watch = watcher.part("loss of " + name);
    try (var weights = WeightFiles.load(model, device)) {
      var config = weights.model().config();
      var packing =
          Packing.evaluation(
              scale.sequenceLength(), config.vocabulary(), Optional.of(new ByteTokenizer()));
      var settings =
          new LossOverDepth.Settings(
              DEPTHS, 16, scale.sequenceLength(), scale.validationRows(), true, seed, DType.F32);
      var source = DocumentSource.of(out.resolve("validation.jsonl"));
      var rows =
          LossOverDepth.measure(
              weights,
              device,
              settings,
              packing.open(source),
              source.name(),
              done -> watch.started(done, scale.validationRows()));
      return new Series(name, ParameterCounts.of(config).total(), flops, rows);
    }
  }
}
