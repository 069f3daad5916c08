package rondo.train;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import rondo.data.DataException;
import rondo.data.DocumentSource;
import rondo.data.PackedRows;
import rondo.data.ParquetWriter;
import rondo.data.rows.BatchShape;
import rondo.data.rows.Batches;
import rondo.data.rows.Mixture;
import rondo.data.rows.PackManifest;
import rondo.data.rows.Packing;
import rondo.data.rows.Rank;
import rondo.data.rows.ReadyBatches;
import rondo.data.rows.RowCycle;
import rondo.data.rows.RowTable;
import rondo.data.tokenizer.Tokenizer;
import rondo.nn.checkpoint.ModelConfig;

/**
 * The rows that a run trains on.
 *
 * @param fingerprints the {@link Fingerprint} of each part
 * @param notes what there is to remark
 */
record TrainingData(ReadyBatches batches, List<String> fingerprints, List<String> notes) {
  /** Batches held ready, so that reading a part of a shard holds no step up. */
  private static final int AHEAD = 8;

  /** A run is one process, whichever order its rows come in. */
  private static final Rank RANK = Rank.ONLY;

  /**
   * Opens what a recipe names; of each part at least one row has been read.
   *
   * @param config of the model
   * @param listener told of rows that are read into memory
   */
  static TrainingData open(
      Recipe recipe, ModelConfig config, Optional<Tokenizer> tokenizer, Listener listener) {
    var data = recipe.data();
    var packing =
        Packing.training(data.sequenceLength(), config.vocabulary(), tokenizer)
            .with(data.chat())
            .with(ModelTokens.of(recipe, config, tokenizer));
    var parts = new ArrayList<Mixture.Part>();
    var fingerprints = new ArrayList<String>();
    var notes = new ArrayList<String>();
    ModelTokens.note(recipe, config, tokenizer).ifPresent(notes::add);
    for (var part : data.train()) {
      var rows = rows(recipe, part, packing, fingerprints, notes, listener);
      parts.add(new Mixture.Part(rows, part.weight()));
    }
    var shape = new BatchShape(recipe.micro(), data.sequenceLength());
    var batches = new Batches(new Mixture(parts, recipe.seed()), shape);
    return new TrainingData(
        new ReadyBatches(batches, AHEAD), List.copyOf(fingerprints), List.copyOf(notes));
  }

  private static RowCycle rows(
      Recipe recipe,
      Recipe.Part part,
      Packing packing,
      List<String> fingerprints,
      List<String> notes,
      Listener listener) {
    PackManifest.check(part.path(), packing.model());
    var source = DocumentSource.of(part.path(), part.text());
    var shuffle = recipe.data().shuffle();
    if (shuffle == Recipe.Shuffle.NONE) { // of any size: known by its first row
      fingerprints.add(Fingerprint.of(RowTable.read(source, packing, 1)));
      return RowCycle.streaming(source, packing, RANK);
    }
    var packed = packed(part);
    if (shuffle == Recipe.Shuffle.SHARDS && packed.isEmpty()) {
      throw new DataException(
          source.name()
              + ": data.shuffle: shards: expected .parquet files with a column input_ids: pack them with rondo pack");
    }
    if (packed.isPresent()
        && (shuffle == Recipe.Shuffle.SHARDS || isLarge(packed.get(), packing.sequenceLength()))) {
      fingerprints.add(Fingerprint.of(RowTable.read(source, packing, 1)));
      return RowCycle.shards(packed.get(), packing, recipe.seed(), RANK);
    }
    var table =
        RowTable.read(
            source, packing, Long.MAX_VALUE, rows -> listener.reading(source.name(), rows));
    fingerprints.add(Fingerprint.of(table));
    if (table.cut() + table.leftOut() > 0) {
      notes.add(
          "%s: of %d conversations %d were cut at %d tokens and %d left out, in whose tokens there is no answer"
              .formatted(
                  source.name(),
                  table.size() + table.leftOut(),
                  table.cut(),
                  packing.sequenceLength() + 1,
                  table.leftOut()));
    }
    return RowCycle.shuffled(table, source.name(), recipe.seed(), RANK);
  }

  private static Optional<PackedRows> packed(Recipe.Part part) {
    return part.text().isPresent()
        ? Optional.empty()
        : PackedRows.find(part.path(), ParquetWriter.GROUP);
  }

  /** Whether rows, taken to be full, are more than a table holds. */
  private static boolean isLarge(PackedRows packed, int sequenceLength) {
    return packed.rows() > RowTable.mostRows(sequenceLength);
  }
}
