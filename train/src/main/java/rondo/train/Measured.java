package rondo.train;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.ToDoubleFunction;
import tools.jackson.databind.node.ObjectNode;

/**
 * What is measured on the validation rows after a step.
 *
 * @param losses over depth
 * @param averaged the same with averaged weights; empty without
 * @param diagnostics over depth; empty for a fixed-depth model
 */
record Measured(
    List<LossOverDepth.Row> losses,
    List<LossOverDepth.Row> averaged,
    List<DepthDiagnostics.Row> diagnostics) {
  /** How alike the states of different tokens may be. */
  private static final double MOST_CORRELATION = 0.99;

  /** How little of the loss recurrences may change. */
  private static final double LEAST_CHANGE = 1e-3;

  static final String LOSSES = "validation";
  private static final String AVERAGED = "validation_ema";

  /** Of a step after which nothing is measured. */
  static final Measured NOTHING = new Measured(List.of(), List.of(), List.of());

  boolean isNothing() {
    return losses.isEmpty();
  }

  /** Adds it to the line of its step. */
  void addTo(ObjectNode line) {
    losses(line, LOSSES, losses);
    losses(line, AVERAGED, averaged);
    if (!diagnostics.isEmpty()) {
      var node = line.putObject("diagnostics");
      series(node, "token_correlation", DepthDiagnostics.Row::tokenCorrelation);
      series(node, "state_norm", DepthDiagnostics.Row::stateNorm);
      series(node, "recurrent_residual", DepthDiagnostics.Row::residual);
      series(node, "relative_residual", DepthDiagnostics.Row::relativeResidual);
    }
  }

  private static void losses(ObjectNode line, String key, List<LossOverDepth.Row> rows) {
    if (!rows.isEmpty()) {
      var node = line.putObject(key);
      rows.forEach(row -> Metrics.finite(node, "" + row.recurrences(), row.loss()));
    }
  }

  private void series(ObjectNode node, String key, ToDoubleFunction<DepthDiagnostics.Row> value) {
    var byDepth = node.putObject(key);
    for (var row : diagnostics) {
      Metrics.finite(byDepth, "" + row.recurrences(), value.applyAsDouble(row));
    }
  }

  /** By tag, as TensorBoard shows them: diagnostics at their deepest. */
  Map<String, Double> scalars() {
    var values = new LinkedHashMap<String, Double>();
    losses.forEach(row -> values.put("validation/r" + row.recurrences(), row.loss()));
    averaged.forEach(row -> values.put("validation_ema/r" + row.recurrences(), row.loss()));
    if (!diagnostics.isEmpty()) {
      var last = diagnostics.getLast();
      values.put("diagnostics/token_correlation", last.tokenCorrelation());
      values.put("diagnostics/state_norm", last.stateNorm());
      values.put("diagnostics/recurrent_residual", last.residual());
      values.put("diagnostics/relative_residual", last.relativeResidual());
    }
    return values;
  }

  /**
   * A line about a model that does not use its depth, if it does not.
   *
   * @param mean recurrences that it is trained at by now
   */
  Optional<String> warning(int mean) {
    if (mean < 2 || diagnostics.isEmpty()) {
      return Optional.empty();
    }
    var at = diagnostics.get(Math.min(mean, diagnostics.size()) - 1);
    if (at.tokenCorrelation() > MOST_CORRELATION) {
      return Optional.of(
          "after %d recurrences the states of different tokens are nearly one (correlation %.4f): the model may have collapsed"
              .formatted(at.recurrences(), at.tokenCorrelation()));
    }
    var first = losses.getFirst();
    var deepest = losses.stream().filter(row -> row.recurrences() <= mean).toList();
    if (first.recurrences() > 1 || deepest.size() < 2) {
      return Optional.empty();
    }
    var last = deepest.getLast();
    return Math.abs(last.loss() - first.loss()) <= LEAST_CHANGE * Math.abs(first.loss())
        ? Optional.of(
            "recurrences do not matter so far: validation loss %.4f at 1, %.4f at %d"
                .formatted(first.loss(), last.loss(), last.recurrences()))
        : Optional.empty();
  }
}
