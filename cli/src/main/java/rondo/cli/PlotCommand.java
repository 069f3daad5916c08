package rondo.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Training runs as a picture. */
@Command(
    name = "plot",
    sortOptions = false,
    description = {
      "Draw training runs: loss over steps, tokens and FLOPs, depth, gradient norm, learning rate,"
          + " divergence from a teacher, validation loss over recurrences, also of averaged weights,"
          + " and what the runs diagnosed of their depth.",
      "",
      "Several runs are drawn into the same panels, each in its colour. Lines are means over a"
          + " fiftieth of a run; behind those of up to three runs are the values themselves."
    },
    footer = {
      "",
      "Example:",
      "  rondo plot runs/heal --out heal.png",
      "  rondo plot linear=runs/a sqrt=runs/b --x flops --out compared.png"
    })
final class PlotCommand extends Work {
  @Parameters(
      arity = "1..*",
      paramLabel = "[NAME=]RUN",
      description = "Folders of training runs, or their metrics.jsonl.")
  private List<String> given = List.of();

  @Option(
      names = "--out",
      paramLabel = "F.png",
      description = "The picture (default: plot.png in the folder of the only run).")
  private @Nullable Path out;

  @Option(
      names = "--x",
      paramLabel = "steps|tokens|flops",
      description = "What all is drawn over (default: the loss over each, the rest over steps).")
  private @Nullable String x;

  @Override
  void run(Console console) throws IOException {
    var over =
        switch (x == null ? "" : x) {
          case "" -> null;
          case "steps" -> RunPanels.Over.STEPS;
          case "tokens" -> RunPanels.Over.TOKENS;
          case "flops" -> RunPanels.Over.FLOPS;
          default ->
              throw new IllegalArgumentException("--x " + x + ": expected steps, tokens or flops");
        };
    var runs = new ArrayList<RunMetrics>();
    var names = new HashSet<String>();
    for (var text : given) {
      int cut = Files.exists(Path.of(text)) ? -1 : text.indexOf('=');
      var path = Path.of(text.substring(cut + 1));
      var name = cut > 0 ? text.substring(0, cut) : name(path, names);
      if (!names.add(name)) {
        throw new IllegalArgumentException(
            name + ": two runs have this name; give others as NAME=RUN");
      }
      runs.add(RunMetrics.read(name, path, console::note));
    }
    var png = out();
    Output.requireParent("--out", png);
    var panels = RunPanels.of(runs, over);
    if (panels.isEmpty()) {
      throw new IllegalArgumentException(
          String.join(", ", names) + ": nothing to draw; expected lines with loss and others");
    }
    Charts.write(PanelGrid.image(runs.stream().map(RunMetrics::name).toList(), panels), png);
    report(console, runs, panels, png);
  }

  private Path out() {
    if (out != null) {
      return out;
    }
    var only = Path.of(given.getFirst().substring(given.getFirst().indexOf('=') + 1));
    if (given.size() > 1 || !Files.isDirectory(only)) {
      throw new IllegalArgumentException("expected --out F.png for more than one run's folder");
    }
    return only.resolve("plot.png");
  }

  /** The folder's name, with its parent's where another run has the same. */
  private static String name(Path path, Set<String> taken) {
    var folder = path.toAbsolutePath().normalize();
    if (folder.endsWith("metrics.jsonl") && folder.getParent() != null) {
      folder = folder.getParent();
    }
    var last = Models.lastOf(folder);
    return taken.contains(last) && folder.getParent() != null
        ? Models.lastOf(folder.getParent()) + "/" + last
        : last;
  }

  private static void report(Console console, List<RunMetrics> runs, List<Panel> panels, Path png) {
    var table = new TextTable("run", "steps", "last loss").align("l");
    var json = Console.object();
    json.put("out", png.toString());
    panels.forEach(panel -> json.withArray("panels").add(panel.title()));
    for (var run : runs) {
      var loss = run.over("step", "loss");
      var last = loss.isEmpty() ? Double.NaN : loss.ys().getLast();
      table.row(
          run.name(),
          Numbers.count(run.steps().getLast().step() + 1),
          loss.isEmpty() ? "none" : Numbers.decimal(last, 4));
      var item = json.withArray("runs").addObject().put("name", run.name());
      item.put("steps", run.steps().getLast().step() + 1);
      if (!loss.isEmpty()) {
        item.put("loss", last);
      }
    }
    console.text(table + "\n\n" + panels.size() + " panels in " + png);
    console.json(json);
  }
}
