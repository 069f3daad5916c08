package rondo.cli;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import rondo.engine.device.Device;
import rondo.train.Listener;
import rondo.train.LossOverDepth;
import rondo.train.StepReport;
import rondo.train.quickstart.Quickstart;
import rondo.train.quickstart.Quickstart.Series;
import rondo.train.quickstart.Scale;
import rondo.train.study.DepthStudy;
import rondo.train.study.StudyConfig;
import rondo.train.study.StudyResult;
import tools.jackson.databind.node.ObjectNode;

/** The main job from text to table and pictures. */
@Command(
    name = "quickstart",
    sortOptions = false,
    description = {
      "Train, retrofit, heal and measure a small model on text at hand.",
      "",
      "A fixed-depth base is trained on the Java sources of the JDK, cut into prelude, core and"
          + " coda, healed with growing recurrence, and compared over recurrences with the base"
          + " trained on for equal FLOPs. Then one run of the depth study is replayed. An interrupted"
          + " job goes on where it was. Its seed is 1 unless --seed names another."
    },
    footer = {"", "Example:", "  rondo quickstart --out runs/quickstart"})
final class QuickstartCommand extends Work {
  @Option(
      names = "--out",
      paramLabel = "DIR",
      description = "Where models, recipes, table and pictures go (default: runs/quickstart).")
  private @Nullable Path out;

  @Option(
      names = "--text",
      paramLabel = "FILE",
      description = "UTF-8 text to use instead of the JDK's sources.")
  private @Nullable Path text;

  @Option(names = "--full", description = "The larger job of the README's table: about an hour.")
  private boolean full;

  @Override
  void run(Console console) throws IOException {
    var folder = out == null ? Path.of(full ? "runs/quickstart-full" : "runs/quickstart") : out;
    Output.makeFolder("--out", folder);
    long seed = common.seed == null ? 1 : common.seed;
    var scale = full ? Scale.full() : Scale.small();
    try (var device = open(console)) {
      new Job(console, device, folder, seed).run(scale, text, StudyConfig.shellGame());
    }
  }

  /** The command with a device and a folder: of any size. */
  record Job(Console console, Device device, Path folder, long seed) {
    void run(Scale scale, @Nullable Path text, StudyConfig config) throws IOException {
      Quickstart.Result result;
      try (var watcher = new Watcher(console)) {
        result = new Quickstart(folder, scale, device, seed, watcher).run(text);
      }
      var json = Console.object();
      console.text(table(result, json));
      var picture = folder.resolve("loss.png");
      Charts.write(figure(result), picture);
      var study = study(config, device, console, seed);
      console.text(table(study, json));
      var second = folder.resolve("depth.png");
      Charts.write(figure(study), second);
      console.text("\npictures: %s, %s\nmodels and recipes: %s".formatted(picture, second, folder));
      json.putArray("pictures").add(picture.toString()).add(second.toString());
      console.json(json);
    }
  }

  /** A progress line for each part of the job. */
  private static final class Watcher implements Quickstart.Watcher, AutoCloseable {
    private final Console console;
    private @Nullable Progress progress;

    Watcher(Console console) {
      this.console = console;
    }

    @Override
    public void note(String line) {
      close();
      console.note(line);
    }

    @Override
    public Listener part(String name) {
      close();
      var shown = new Progress(console, name);
      progress = shown;
      return new Listener() {
        @Override
        public void note(String line) {
          shown.note(line);
        }

        @Override
        public void started(long step, long steps) {
          shown.update(step, steps, "");
        }

        @Override
        public void step(StepReport r) {
          shown.update(
              r.step() + 1,
              r.steps(),
              "loss %s  %s tokens/s  mean r %d"
                  .formatted(
                      Numbers.decimal(r.loss(), 3),
                      Numbers.count(Math.round(r.tokensPerSecond())),
                      r.meanRecurrence()));
        }
      };
    }

    @Override
    public void close() {
      if (progress != null) {
        progress.close();
        progress = null;
      }
    }
  }

  private static List<Series> series(Quickstart.Result result) {
    return List.of(result.base(), result.continued(), result.untrained(), result.healed());
  }

  private static String table(Quickstart.Result result, ObjectNode json) {
    var head = new ArrayList<>(List.of("model", "parameters", "FLOPs"));
    Quickstart.DEPTHS.forEach(r -> head.add("r=" + r));
    var table = new TextTable(head.toArray(new String[0]));
    var list = json.putArray("models");
    for (var s : series(result)) {
      var cells =
          new ArrayList<>(
              List.of(s.name(), Numbers.count(s.parameters()), Numbers.rough(s.flops())));
      var item = list.addObject().put("name", s.name()).put("parameters", s.parameters());
      item.put("flops", s.flops());
      var losses = item.putObject("loss");
      for (var row : s.rows()) {
        boolean fixed = row.recurrences() == 0;
        cells.add(Numbers.decimal(row.loss(), 4));
        losses.put(fixed ? "fixed" : String.valueOf(row.recurrences()), row.loss());
      }
      table.row(cells.toArray(new String[0]));
    }
    var rows = result.healed().rows();
    return "\nvalidation loss in nats per byte, %s tokens of %s; fixed-depth models have one loss\n\n%s"
        .formatted(Numbers.count(rows.getFirst().tokens()), result.text(), table);
  }

  private static Charts.Figure figure(Quickstart.Result result) {
    var lines = List.of(line(result.untrained()), line(result.healed()));
    var levels =
        List.of(
            new Charts.Level(result.base().name(), result.base().rows().getFirst().loss()),
            new Charts.Level(
                result.continued().name() + " (equal FLOPs)",
                result.continued().rows().getFirst().loss()));
    return Charts.loss(
        "Validation loss over recurrences",
        "%s, one small model; lower is better".formatted(result.text()),
        lines,
        levels);
  }

  private static Charts.Line line(Series s) {
    return new Charts.Line(
        s.name(),
        s.rows().stream().mapToDouble(LossOverDepth.Row::recurrences).toArray(),
        s.rows().stream().mapToDouble(LossOverDepth.Row::loss).toArray());
  }

  private static StudyResult study(StudyConfig config, Device device, Console console, long seed) {
    try (var progress = new Progress(console, "shell game, update")) {
      return DepthStudy.run(
          config,
          device,
          seed,
          p ->
              progress.update(
                  p.update(), config.updates(), "loss " + Numbers.decimal(p.loss(), 3)));
    }
  }

  private static List<Integer> steps(StudyConfig config) {
    return java.util.stream.Stream.of(1, 4, 8, 12, 16, 24, 31)
        .filter(s -> s <= config.testSteps())
        .toList();
  }

  private static String table(StudyResult study, ObjectNode json) {
    var config = study.config();
    var head = new ArrayList<>(List.of("r"));
    steps(config).forEach(s -> head.add(s + (s == 1 ? " swap" : " swaps")));
    var table = new TextTable(head.toArray(new String[0])).align("r");
    var list = json.putArray("shell_game");
    for (var a : study.accuracy()) {
      var cells = new ArrayList<>(List.of(String.valueOf(a.depth())));
      var item = list.addObject().put("recurrences", a.depth()).putObject("accuracy");
      for (int s : steps(config)) {
        cells.add(Numbers.decimal(100 * a.after(s), 0) + " %");
        item.put(String.valueOf(s), a.after(s));
      }
      table.row(cells.toArray(new String[0]));
    }
    return """

    shell game: where is the ball after so many swaps, at recurrence r?
    trained on at most %d swaps; %d games, chance 20 %%; a model of %s parameters

    %s\
    """
        .formatted(
            config.trainedSteps(), config.testRows(), Numbers.count(study.parameters()), table);
  }

  private static Charts.Figure figure(StudyResult study) {
    var config = study.config();
    var depths = study.accuracy().stream().mapToDouble(StudyResult.Accuracy::depth).toArray();
    var lines =
        steps(config).stream()
            .map(s ->
                new Charts.Line(
                    s
                        + (s == 1 ? " swap" : " swaps")
                        + (s > config.trainedSteps() ? "" : " (trained)"),
                    depths,
                    study.accuracy().stream().mapToDouble(a -> a.after(s)).toArray()))
            .toList();
    return Charts.accuracy(
        "Accuracy over recurrences, on games up to four times longer than trained on",
        "shell game, trained on at most %d swaps, seed %d"
            .formatted(config.trainedSteps(), study.seed()),
        lines,
        List.of(new Charts.Level("chance", 0.2)));
  }
}
