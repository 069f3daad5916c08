package rondo.cli;

import java.util.ArrayList;
import rondo.nn.checkpoint.ModelConfig;

/** Token ids from the command line as a batch of equal rows. */
final class TokenRows {
  private static final String OPTION = "--token-ids";

  private final int batch;
  private final int time;
  private final int[] ids;

  private TokenRows(int batch, int time, int[] ids) {
    this.batch = batch;
    this.time = time;
    this.ids = ids;
  }

  int batch() {
    return batch;
  }

  int time() {
    return time;
  }

  /** Row after row, [batch · time]. */
  int[] ids() {
    return ids.clone();
  }

  /**
   * Reads {@code 1,2,3} or {@code 1,2;3,4} for a model.
   *
   * @throws IllegalArgumentException naming the row and what is wrong with it
   */
  static TokenRows parse(String text, ModelConfig config) {
    var rows = new ArrayList<java.util.List<Integer>>();
    for (var part : text.split(";", -1)) {
      rows.add(Numbers.list(OPTION, part, "token ids such as 1,2,3, rows divided by ;"));
    }
    int time = rows.getFirst().size();
    int vocabulary = config.vocabulary();
    if (time > config.maxPositions()) {
      throw new IllegalArgumentException(
          "%s: a row of %d tokens, expected at most the model's %d positions"
              .formatted(OPTION, time, config.maxPositions()));
    }
    var ids = new int[rows.size() * time];
    for (int row = 0; row < rows.size(); row++) {
      var found = rows.get(row);
      if (found.size() != time) {
        throw new IllegalArgumentException(
            "%s: row %d has %d tokens, expected %d as in row 1"
                .formatted(OPTION, row + 1, found.size(), time));
      }
      for (int i = 0; i < time; i++) {
        int id = found.get(i);
        if (id >= vocabulary) {
          throw new IllegalArgumentException(
              "%s: %d in row %d is outside the vocabulary, expected 0 to %d"
                  .formatted(OPTION, id, row + 1, vocabulary - 1));
        }
        ids[row * time + i] = id;
      }
    }
    return new TokenRows(rows.size(), time, ids);
  }
}
