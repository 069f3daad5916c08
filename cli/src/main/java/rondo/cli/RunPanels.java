package rondo.cli;

import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import rondo.cli.Panel.Axis;
import rondo.cli.Panel.Curve;
import rondo.cli.Panel.Scale;
import rondo.cli.Panel.Stroke;
import rondo.cli.RunMetrics.Points;

/** What a picture of training runs shows: the panels that their metrics have values for. */
final class RunPanels {
  /** Points of a curve: more than pixels would only be slower to draw. */
  private static final int POINTS = 700;

  /** Points of a broken line: a dash must be shorter than what is between two of them. */
  private static final int BROKEN = 50;

  /** Runs up to which the single values are drawn behind their means. */
  private static final int FEW = 3;

  /** What steps are counted by. */
  enum Over {
    STEPS("step", "optimiser steps"),
    TOKENS("tokens", "training tokens"),
    FLOPS("flops", "training FLOPs");

    private final String key;
    private final String title;

    Over(String key, String title) {
      this.key = key;
      this.title = title;
    }

    Axis axis() {
      return new Axis(title, Scale.LINEAR);
    }
  }

  private final List<RunMetrics> runs;

  private RunPanels(List<RunMetrics> runs) {
    this.runs = runs;
  }

  /**
   * The panels of runs.
   *
   * @param over what everything is drawn over; null for the loss over each, the rest over steps
   */
  static List<Panel> of(List<RunMetrics> runs, @Nullable Over over) {
    var panels = new RunPanels(runs);
    var all = new ArrayList<Panel>();
    for (var each : over == null ? List.of(Over.values()) : List.of(over)) {
      all.add(panels.means("training loss", "loss (nats per token)", "loss", each, Scale.LINEAR));
    }
    var rest = over == null ? Over.STEPS : over;
    all.add(
        panels.means(
            "divergence from the teacher", "nats per token", "divergence", rest, Scale.LINEAR));
    all.add(panels.depth(rest));
    all.add(panels.means("gradient norm, before clipping", "norm", "grad_norm", rest, Scale.LOG10));
    all.add(panels.learningRate(rest));
    all.add(
        panels.overDepth(
            "validation loss over depth, last",
            "loss (nats per token)",
            "validation",
            Scale.LINEAR));
    all.add(panels.deepest(rest));
    all.add(
        panels.overDepth(
            "token correlation, last",
            "mean cosine of tokens' states",
            "token_correlation",
            Scale.LINEAR));
    all.add(panels.overDepth("state norm, last", "norm", "state_norm", Scale.LINEAR));
    all.add(
        panels.overDepth(
            "change of the state, last", "relative residual", "relative_residual", Scale.LOG10));
    return all.stream().map(Panel::drawable).filter(p -> !p.curves().isEmpty()).toList();
  }

  private Panel means(String title, String unit, String key, Over over, Scale scale) {
    var curves = new ArrayList<Curve>();
    for (int i = 0; i < runs.size(); i++) {
      var points = runs.get(i).over(over.key, key);
      if (runs.size() <= FEW && points.xs().size() > 20) {
        curves.add(new Curve(i, Stroke.FAINT, points.thinned(2 * POINTS)));
      }
    }
    for (int i = 0; i < runs.size(); i++) {
      curves.add(new Curve(i, Stroke.LINE, mean(runs.get(i).over(over.key, key))));
    }
    return new Panel(title, over.axis(), new Axis(unit, scale), curves);
  }

  /** Over a fiftieth of the run. */
  private static Points mean(Points points) {
    return points.smoothed(points.xs().size() / 50).thinned(POINTS);
  }

  /** The curriculum; of few runs also what was drawn by it, frozen dashed and tracked dotted. */
  private Panel depth(Over over) {
    var curves = new ArrayList<Curve>();
    boolean drawn = runs.size() <= FEW;
    for (int i = 0; i < runs.size(); i++) {
      var run = runs.get(i);
      if (run.lastOverDepth("validation").isEmpty()
          && run.steps().stream().allMatch(s -> s.value("tracked") <= 1 && s.value("frozen") == 0)
          && !Double.isNaN(run.lastWithoutDepth("validation"))) {
        continue; // a model of fixed depth
      }
      curves.add(new Curve(i, Stroke.LINE, run.over(over.key, "mean_recurrence").thinned(POINTS)));
      if (drawn) {
        curves.add(new Curve(i, Stroke.DASHED, mean(run.over(over.key, "frozen")).thinned(BROKEN)));
        curves.add(
            new Curve(i, Stroke.DOTTED, mean(run.over(over.key, "tracked")).thinned(BROKEN)));
      }
    }
    return new Panel(
        drawn ? "depth: mean, frozen (dashed), tracked (dotted)" : "depth: mean recurrence",
        over.axis(),
        new Axis("recurrences", Scale.LINEAR),
        curves);
  }

  private Panel learningRate(Over over) {
    var curves = new ArrayList<Curve>();
    for (int i = 0; i < runs.size(); i++) {
      curves.add(new Curve(i, Stroke.LINE, runs.get(i).over(over.key, "lr").thinned(POINTS)));
    }
    return new Panel("learning rate", over.axis(), new Axis("rate", Scale.LINEAR), curves);
  }

  private Panel overDepth(String title, String unit, String key, Scale scale) {
    var curves = new ArrayList<Curve>();
    double most = 2;
    for (int i = 0; i < runs.size(); i++) {
      var points = runs.get(i).lastOverDepth(key);
      if (!points.isEmpty()) {
        most = Math.max(most, points.xs().getLast());
        curves.add(new Curve(i, points.xs().size() > 8 ? Stroke.LINE : Stroke.MARKED, points));
      }
    }
    for (int i = 0; i < runs.size(); i++) { // what has no depth is level
      double level = runs.get(i).lastWithoutDepth(key);
      if (!Double.isNaN(level)) {
        curves.add(
            new Curve(i, Stroke.DASHED, new Points(List.of(1.0, most), List.of(level, level))));
      }
    }
    return new Panel(
        title, new Axis("recurrences", Scale.RECURRENCES), new Axis(unit, scale), curves);
  }

  /** Of the weights; of averaged ones dotted. */
  private Panel deepest(Over over) {
    var curves = new ArrayList<Curve>();
    boolean averaged = false;
    for (int i = 0; i < runs.size(); i++) {
      var points = runs.get(i).deepestOver(over.key, "validation");
      curves.add(new Curve(i, points.xs().size() > 40 ? Stroke.LINE : Stroke.MARKED, points));
      var average = runs.get(i).deepestOver(over.key, "validation_ema");
      curves.add(new Curve(i, Stroke.DOTTED, average.thinned(BROKEN)));
      averaged |= !average.isEmpty();
    }
    return new Panel(
        "validation loss at most recurrences" + (averaged ? ", averaged weights dotted" : ""),
        over.axis(),
        new Axis("loss (nats per token)", Scale.LINEAR),
        curves);
  }
}
