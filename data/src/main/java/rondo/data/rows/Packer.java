package rondo.data.rows;

import java.util.Arrays;
import org.jspecify.annotations.Nullable;
import rondo.data.DataException;
import rondo.data.Document;
import rondo.data.DocumentReader;
import rondo.data.tokenizer.Tokenizer;

/** One pass of a {@link Packing} over documents. */
final class Packer implements RowReader {
  private final Packing packing;
  private final DocumentReader documents;
  private final int[] row;
  private int filled;
  private int[] stream = new int[0]; // the ids of the current text
  private int taken;

  Packer(Packing packing, DocumentReader documents) {
    this.packing = packing;
    this.documents = documents;
    row = new int[packing.rowLength()];
  }

  @Override
  public int @Nullable [] next() {
    while (true) {
      int step = Math.min(row.length - filled, stream.length - taken);
      System.arraycopy(stream, taken, row, filled, step);
      taken += step;
      filled += step;
      if (filled == row.length) {
        filled = 0;
        return row.clone();
      }
      switch (documents.next()) {
        case null -> {
          int rest = filled;
          filled = 0;
          return packing.keepLast() && rest > 1 ? Arrays.copyOf(row, rest) : null;
        }
        case Document.Text text -> {
          stream = ids(text);
          taken = 0;
        }
        case Document.Tokens tokens -> {
          checkRow(tokens);
          if (tokens.ids().length > 1) {
            return tokens.ids();
          }
        }
      }
    }
  }

  private int[] ids(Document.Text document) {
    Tokenizer tokenizer =
        packing
            .tokenizer()
            .orElseThrow(() ->
                new DataException(
                    document.where()
                        + ": text, but no tokenizer: put a tokenizer.json into the model's folder,"
                        + " name its folder with data.tokenizer (recipe) or --tokenizer (rondo"
                        + " loss), or use a column input_ids"));
    int[] plain = tokenizer.encode(document.text());
    boolean front = packing.special() != Packing.Special.NONE && tokenizer.bos().isPresent();
    boolean behind = packing.special() == Packing.Special.BOS_EOS && tokenizer.eos().isPresent();
    int[] ids = new int[plain.length + (front ? 1 : 0) + (behind ? 1 : 0)];
    System.arraycopy(plain, 0, ids, front ? 1 : 0, plain.length);
    if (front) {
      ids[0] = tokenizer.bos().getAsInt();
    }
    if (behind) {
      ids[ids.length - 1] = tokenizer.eos().getAsInt();
    }
    for (int id : ids) {
      if (id >= packing.vocabularySize()) {
        throw new DataException(
            "%s: token id %d of tokenizer %s (vocabulary %d) is outside the model's vocabulary of %d: use the model's own tokenizer"
                .formatted(
                    document.where(),
                    id,
                    tokenizer.name(),
                    tokenizer.vocabularySize(),
                    packing.vocabularySize()));
      }
    }
    return ids;
  }

  private void checkRow(Document.Tokens document) {
    int[] ids = document.ids();
    if (ids.length > row.length) {
      throw new DataException(
          "%s: a packed row of %d ids, expected at most sequence_length + 1 = %d: set sequence_length to %d"
              .formatted(document.where(), ids.length, row.length, ids.length - 1));
    }
    for (int i = 0; i < ids.length; i++) {
      if (ids[i] < 0 || ids[i] >= packing.vocabularySize()) {
        throw new DataException(
            "%s: input_ids[%d] is %d, outside the model's vocabulary of %d (0 to %d)"
                .formatted(
                    document.where(),
                    i,
                    ids[i],
                    packing.vocabularySize(),
                    packing.vocabularySize() - 1));
      }
    }
  }

  @Override
  public void close() {
    documents.close();
  }
}
