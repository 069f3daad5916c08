package rondo.train;

import java.util.ArrayList;
import java.util.List;

/**
 * How the state of a recurrent model moves over depth, on one batch: what tells a run whose tokens
 * have become one, or whose core ignores its state, before the loss does (Geiping et al. 2025,
 * "Scaling up Test-Time Compute with Latent Reasoning", §4.3, where two runs failed so). Only
 * positions that predict a token count.
 */
public final class DepthDiagnostics {
  /**
   * The state after some recurrences.
   *
   * @param tokenCorrelation mean cosine between the states of two positions of a row, each less the
   *     mean of its components; 1 where all are one direction
   * @param stateNorm mean L2 norm ‖s_r‖
   * @param residual mean ‖s_r − s_{r−1}‖
   * @param relativeResidual mean ‖s_r − s_{r−1}‖ / ‖s_r‖
   */
  public record Row(
      int recurrences,
      double tokenCorrelation,
      double stateNorm,
      double residual,
      double relativeResidual) {}

  private final int time;
  private final boolean[] counted;
  private final List<Row> rows = new ArrayList<>();
  private float[] before = {};

  /**
   * Begins with the initial state.
   *
   * @param targets [batch, time]; negative where a position does not count
   * @param state s_0 [batch, time, width]
   */
  DepthDiagnostics(int[] targets, int time, float[] state) {
    this.time = time;
    counted = new boolean[targets.length];
    for (int i = 0; i < targets.length; i++) {
      counted[i] = targets[i] >= 0;
    }
    before = state;
  }

  /** Takes in the state after one more recurrence. */
  void next(float[] state) {
    int width = state.length / counted.length;
    var unit = new double[width];
    var sum = new double[width];
    double correlation = 0;
    int correlated = 0;
    double norms = 0;
    double residuals = 0;
    double relative = 0;
    int positions = 0;
    for (int row = 0; row < counted.length; row += time) {
      java.util.Arrays.fill(sum, 0);
      int directions = 0;
      for (int i = row; i < row + time; i++) {
        if (!counted[i]) {
          continue;
        }
        int at = i * width;
        double norm = norm(state, at, width);
        double residual = distance(state, before, at, width);
        norms += norm;
        residuals += residual;
        relative += norm > 0 ? residual / norm : 0;
        positions++;
        if (direction(state, at, unit)) {
          directions++;
          for (int c = 0; c < width; c++) {
            sum[c] += unit[c];
          }
        }
      }
      if (directions > 1) { // Σ over pairs of different ones = ‖Σ u‖² − their number
        double square = 0;
        for (double c : sum) {
          square += c * c;
        }
        correlation += (square - directions) / ((double) directions * (directions - 1));
        correlated++;
      }
    }
    before = state;
    rows.add(
        new Row(
            rows.size() + 1,
            correlated == 0 ? 0 : correlation / correlated,
            norms / positions,
            residuals / positions,
            relative / positions));
  }

  /** One for each recurrence so far. */
  List<Row> rows() {
    return List.copyOf(rows);
  }

  private static double norm(float[] values, int at, int width) {
    double sum = 0;
    for (int c = at; c < at + width; c++) {
      sum += (double) values[c] * values[c];
    }
    return Math.sqrt(sum);
  }

  private static double distance(float[] a, float[] b, int at, int width) {
    double sum = 0;
    for (int c = at; c < at + width; c++) {
      double difference = (double) a[c] - b[c];
      sum += difference * difference;
    }
    return Math.sqrt(sum);
  }

  /** Less the mean of its components and of length one; false where nothing is left. */
  private static boolean direction(float[] values, int at, double[] unit) {
    double mean = 0;
    for (int c = 0; c < unit.length; c++) {
      mean += values[at + c];
    }
    mean /= unit.length;
    double square = 0;
    for (int c = 0; c < unit.length; c++) {
      unit[c] = values[at + c] - mean;
      square += unit[c] * unit[c];
    }
    double norm = Math.sqrt(square);
    for (int c = 0; norm > 0 && c < unit.length; c++) {
      unit[c] /= norm;
    }
    return norm > 0;
  }
}
