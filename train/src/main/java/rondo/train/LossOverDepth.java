package rondo.train;

import java.util.ArrayList;
import java.util.List;
import java.util.function.LongConsumer;
import org.jspecify.annotations.Nullable;
import rondo.data.DataException;
import rondo.data.rows.BatchShape;
import rondo.data.rows.EvaluationBatches;
import rondo.data.rows.RowReader;
import rondo.engine.device.Device;
import rondo.engine.graph.DType;
import rondo.infer.Forward;
import rondo.nn.Weights;

/**
 * Validation loss over recurrences: each batch's prelude runs once, its state is iterated to the
 * deepest wanted recurrence, and the loss is taken on the way.
 */
public final class LossOverDepth {
  /**
   * The loss at one depth.
   *
   * @param recurrences 0 for a fixed-depth model
   * @param loss mean over tokens
   * @param tokens that were predicted
   */
  public record Row(int recurrences, double loss, long tokens) {}

  /**
   * How to measure.
   *
   * @param recurrences wanted depths, increasing; ignored by a fixed-depth model
   * @param batch rows at a time
   * @param rows at most
   * @param randomState whether the initial state is noise; else zero
   * @param activations f32 or bf16
   */
  public record Settings(
      List<Integer> recurrences,
      int batch,
      int sequenceLength,
      long rows,
      boolean randomState,
      long seed,
      DType activations) {
    public Settings {
      recurrences = List.copyOf(recurrences);
      for (int i = 0; i < recurrences.size(); i++) {
        if (recurrences.get(i) < 1 || (i > 0 && recurrences.get(i) <= recurrences.get(i - 1))) {
          throw new IllegalArgumentException(
              "recurrences " + recurrences + ": expected increasing numbers from 1");
        }
      }
    }
  }

  private final Forward forward;
  private final Device device;
  private final Settings settings;

  private final int examined;
  private List<DepthDiagnostics.Row> diagnostics = List.of();

  private LossOverDepth(Forward forward, Device device, Settings settings, int examined) {
    this.forward = forward;
    this.device = device;
    this.settings = settings;
    this.examined = examined;
  }

  /** Losses, and how the state moved on the first batch. */
  record Examined(List<Row> losses, List<DepthDiagnostics.Row> diagnostics) {}

  /**
   * Measures.
   *
   * @param rows packed for evaluation; read to the end and closed, also after a failure
   * @param name what messages call the rows
   * @param progress gets the number of rows done
   * @throws DataException when the rows predict nothing
   */
  public static List<Row> measure(
      Weights weights,
      Device device,
      Settings settings,
      RowReader rows,
      String name,
      LongConsumer progress) {
    return examine(weights, device, settings, 0, rows, name, progress).losses();
  }

  /**
   * As {@link #measure}, with a look at the states.
   *
   * @param examined recurrences of the first batch whose states are looked at; none of a
   *     fixed-depth model
   */
  static Examined examine(
      Weights weights,
      Device device,
      Settings settings,
      int examined,
      RowReader rows,
      String name,
      LongConsumer progress) {
    var shape = new BatchShape(settings.batch, settings.sequenceLength);
    try (var batches = new EvaluationBatches(rows, shape, settings.rows);
        var forward =
            new Forward(
                weights, device, settings.batch, settings.sequenceLength, settings.activations)) {
      var run = new LossOverDepth(forward, device, settings, forward.isRecurrent() ? examined : 0);
      var losses = run.run(batches, name, progress);
      return new Examined(losses, run.diagnostics);
    }
  }

  private DepthDiagnostics diagnostics(int[] targets) {
    var state = device.floats(forward.state());
    return new DepthDiagnostics(targets, settings.sequenceLength, state);
  }

  private void recur(int before, @Nullable DepthDiagnostics states) {
    forward.recur();
    if (states != null && before < examined) {
      states.next(device.floats(forward.state()));
    }
  }

  private List<Row> run(EvaluationBatches batches, String name, LongConsumer progress) {
    var depths = forward.isRecurrent() ? settings.recurrences : List.of(0);
    var sums = new double[depths.size()];
    var counts = new long[depths.size()];
    var tokens = new int[batches.shape().size()];
    var targets = new int[batches.shape().size()];
    for (long index = 0; batches.next(tokens, targets) > 0; index++) {
      device.write(forward.tokens(), tokens);
      device.write(forward.targets(), targets);
      forward.start();
      if (forward.isRecurrent()) {
        if (settings.randomState) {
          forward.randomState(settings.seed, index);
        } else {
          forward.zeroState();
        }
      }
      var states = index == 0 && examined > 0 ? diagnostics(targets) : null;
      int r = 0;
      for (int i = 0; i < depths.size(); i++) {
        for (; r < depths.get(i); r++) {
          recur(r, states);
        }
        var loss = forward.loss();
        sums[i] += loss.mean() * loss.tokens();
        counts[i] += loss.tokens();
      }
      if (states != null) {
        for (; r < examined; r++) {
          recur(r, states);
        }
        diagnostics = states.rows();
      }
      progress.accept(batches.rows());
    }
    var result = new ArrayList<Row>();
    for (int i = 0; i < depths.size(); i++) {
      if (counts[i] == 0) {
        throw new DataException(
            name + ": no rows to measure: it predicts no token, expected rows of at least two");
      }
      result.add(new Row(depths.get(i), sums[i] / counts[i], counts[i]));
    }
    return result;
  }
}
