package rondo.train;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.LongConsumer;
import org.jspecify.annotations.Nullable;
import rondo.data.DataException;
import rondo.data.DocumentSource;
import rondo.data.rows.PackManifest;
import rondo.data.rows.Packing;
import rondo.data.rows.RowTable;
import rondo.data.tokenizer.Tokenizer;
import rondo.engine.device.Device;
import rondo.nn.Weights;
import rondo.nn.checkpoint.ModelConfig;

/**
 * The validation rows of a run. They are in memory from its start: what is wrong with them is told
 * before the first step, and what happens to their files later costs no step.
 */
final class Validation {
  private final RowTable rows;
  private final String name;
  private final LossOverDepth.Settings settings;

  private Validation(RowTable rows, String name, LossOverDepth.Settings settings) {
    this.rows = rows;
    this.name = name;
    this.settings = settings;
  }

  /**
   * Reads the rows that a recipe names, if it names any.
   *
   * @param config of the model
   * @param listener told of the rows as they are read
   * @throws DataException if there are none, or more than 2 GiB of them
   */
  static @Nullable Validation of(
      Recipe recipe, ModelConfig config, Optional<Tokenizer> tokenizer, Listener listener) {
    var data = recipe.data();
    var held = data.validation();
    if (held == null) {
      return null;
    }
    var part = held.part();
    var source = DocumentSource.of(part.path(), part.text());
    var packing =
        Packing.evaluation(data.sequenceLength(), config.vocabulary(), tokenizer)
            .with(data.chat())
            .with(ModelTokens.of(recipe, config, tokenizer));
    PackManifest.check(part.path(), packing.model());
    long most = RowTable.mostRows(data.sequenceLength());
    var rows =
        RowTable.read(
            source,
            packing,
            Math.min(most, held.rows()),
            read -> listener.reading(source.name(), read));
    if (rows.size() == most && most < held.rows()) {
      throw new DataException(
          source.name()
              + ": more than 2 GiB of validation rows: set data.validation.rows to at most "
              + most);
    }
    var settings =
        new LossOverDepth.Settings(
            held.recurrences().isEmpty() ? powers(recipe) : held.recurrences(),
            recipe.micro(),
            data.sequenceLength(),
            held.rows(),
            recipe.depth().randomState(),
            recipe.seed(),
            recipe.activations());
    return new Validation(rows, source.name(), settings);
  }

  /** 1, 2, 4 … up to the mean recurrence. */
  private static List<Integer> powers(Recipe recipe) {
    var depths = new ArrayList<Integer>();
    for (int r = 1; r <= recipe.depth().curriculum().peak(); r *= 2) {
      depths.add(r);
    }
    return depths;
  }

  /** How many rows there are. */
  long rows() {
    return rows.size();
  }

  /**
   * Measures weights and, where there are some, averaged weights.
   *
   * @param examined recurrences whose states are looked at
   * @param progress as in {@link LossOverDepth#measure}
   */
  Measured measure(
      Weights weights,
      @Nullable AveragedWeights average,
      Device device,
      int examined,
      LongConsumer progress) {
    var own =
        LossOverDepth.examine(weights, device, settings, examined, rows.open(), name, progress);
    var averaged =
        average == null
            ? List.<LossOverDepth.Row>of()
            : LossOverDepth.measure(
                average.weights(), device, settings, rows.open(), name, progress);
    return new Measured(own.losses(), averaged, own.diagnostics());
  }
}
