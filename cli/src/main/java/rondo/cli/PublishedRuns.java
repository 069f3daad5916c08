package rondo.cli;

import java.util.List;
import org.jspecify.annotations.Nullable;
import rondo.nn.checkpoint.ParameterCounts;
import rondo.nn.checkpoint.Published;
import rondo.nn.checkpoint.PublishedFlops;
import rondo.nn.checkpoint.PublishedFlops.Curve;

/**
 * The training runs of the published models (arXiv 2502.05171, 2511.07384): what {@link
 * PublishedFlops} is applied to.
 */
final class PublishedRuns {
  private static final double MEBI = 1 << 20;

  private PublishedRuns() {}

  /**
   * A run.
   *
   * @param recurrences the mean after the rise; 0 for a fixed-depth model
   * @param steps whose FLOPs are counted
   * @param rise steps until the mean recurrence is reached, 0 for no curriculum
   * @param model of the run, by preset
   * @param note what a reader should know, or ""
   */
  record Run(
      String model,
      int recurrences,
      long steps,
      double tokens,
      Curve curve,
      long rise,
      String note) {
    double flops() {
      var counts = ParameterCounts.of(Published.named(model).config());
      return recurrences == 0
          ? PublishedFlops.fixed(counts, steps, tokens)
          : PublishedFlops.recurrent(counts, steps, tokens, recurrences, 8, curve, rise);
    }

    String curriculum() {
      if (recurrences == 0) {
        return "";
      }
      return rise == 0
          ? "none"
          : (curve == Curve.LINEAR ? "linear" : "1-sqrt") + " over " + Numbers.count(rise);
    }
  }

  /** The preset with these parameter counts, or null. */
  static @Nullable Published presetOf(ParameterCounts counts) {
    return Published.all().stream()
        .filter(p -> ParameterCounts.of(p.config()).equals(counts))
        .findFirst()
        .orElse(null);
  }

  /** Rows and tokens of a pass in the published training of a model: batch, sequence length. */
  static int[] pass(String preset) {
    return preset.equals("huginn") ? new int[] {1, 4096} : new int[] {16, 1024};
  }

  /** The runs of a published model, its static baselines included. */
  static List<Run> of(String preset) {
    return switch (preset) {
      case "tinyllama-4-8-4" ->
          List.of(
              math(preset, 4, 50_000),
              math(preset, 8, 50_000),
              math(preset, 16, 50_000),
              math(preset, 32, 50_000),
              fixed("tinyllama", 50_000),
              healing(preset, 32, "healing phase"),
              healing(preset, 4, "each phase after it"),
              fixed("tinyllama", 25_000));
      case "llama3.2-4-6-4", "olmo2-4-6-4" -> {
        var base = preset.startsWith("llama") ? "llama3.2" : "olmo2";
        yield List.of(
            math(preset, 4, 48_000),
            math(preset, 8, 48_000),
            math(preset, 16, 48_000),
            math(preset, 32, 48_000),
            fixed(base, 48_000));
      }
      case "llama3.2-2-4-2" ->
          List.of(
              new Run(
                  preset,
                  32,
                  28_000,
                  MEBI,
                  Curve.LINEAR,
                  0,
                  "as published; its steps had 4,194,304 tokens, which is 4 times that"),
              ablation(preset, 0),
              ablation(preset, 1562),
              ablation(preset, 3125),
              ablation(preset, 6250));
      case "huginn" ->
          List.of(
              new Run(
                  preset,
                  32,
                  47_360,
                  16 * MEBI,
                  Curve.LINEAR,
                  0,
                  "the same formula; no total is published"));
      case "tinyllama" -> List.of(fixed(preset, 50_000), fixed(preset, 25_000));
      case "llama3.2", "olmo2" -> List.of(fixed(preset, 48_000));
      default -> List.of();
    };
  }

  /** 50,000 steps with a 1-sqrt rise over 75 %, of which {@code counted} are counted. */
  private static Run math(String model, int recurrences, long counted) {
    return new Run(
        model,
        recurrences,
        counted,
        MEBI,
        Curve.ONE_MINUS_SQRT,
        37_500,
        counted < 50_000 ? "first " + Numbers.count(counted) + " of 50,000" : "");
  }

  private static Run healing(String model, int recurrences, String note) {
    return new Run(model, recurrences, 25_000, MEBI, Curve.LINEAR, 6_250, note);
  }

  private static Run ablation(String model, long rise) {
    return new Run(model, 32, 25_000, MEBI / 2, Curve.LINEAR, rise, "curriculum ablation");
  }

  private static Run fixed(String model, long steps) {
    return new Run(model, 0, steps, MEBI, Curve.LINEAR, 0, "static baseline " + model);
  }
}
