package rondo.data.rows;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import rondo.data.DataException;
import rondo.data.DocumentReader;
import rondo.data.DocumentSource;
import rondo.data.tokenizer.SpecialIds;
import rondo.data.tokenizer.Tokenizer;

/**
 * Packs documents into Parquet shards of rows of sequenceLength + 1 ids in a column {@code
 * input_ids}: {@code 00000.parquet}, {@code 00001.parquet} … in a folder, and the rows of documents
 * held out in its folder {@code validation}. Texts are tokenised without white space at their ends,
 * BOS in front and EOS behind as far as the tokenizer has them; documents of ids are taken as they
 * are. A conversation is a row of its own, of at most so many ids, and a column {@code labels} says
 * what of it is predicted ({@link rondo.data.ParquetWriter}). Memory is bounded by the rows of two
 * shards, the documents of a shuffle, and some 256 Ki characters of text a thread, or four
 * documents where they are longer.
 *
 * @param sequenceLength tokens that a row predicts
 * @param vocabularySize the model's
 * @param rowsPerShard rows of a file at most
 * @param validationFraction how much of the documents is held out, from 0 to below 1, each by a
 *     hash of the seed and its number
 * @param shuffled how many documents are read ahead and put into another order; 0 for none
 * @param threads that tokenise; the rows do not depend on them
 * @param chat how conversations are written out; where there are none it is not needed
 */
public record Pack(
    Tokenizer tokenizer,
    int vocabularySize,
    SpecialIds model,
    int sequenceLength,
    RowRule rule,
    int rowsPerShard,
    double validationFraction,
    int shuffled,
    long seed,
    int threads,
    Optional<Chat> chat) {
  /** The folder of rows that are held out. */
  public static final String VALIDATION = "validation";

  /** The file that says what a folder was made of. */
  public static final String MANIFEST = "pack.json";

  private static final long HELD_OUT = 0x6865_6c64L;

  public Pack {
    if (sequenceLength < 1 || vocabularySize < 1 || rowsPerShard < 1 || threads < 1) {
      throw new IllegalArgumentException(
          "sequence length %d, vocabulary %d, %d rows a shard and %d threads, expected at least 1"
              .formatted(sequenceLength, vocabularySize, rowsPerShard, threads));
    }
    if (!(validationFraction >= 0 && validationFraction < 1) || shuffled < 0) {
      throw new IllegalArgumentException(
          "validation fraction %s and %d shuffled documents, expected 0 to below 1 and at least 0"
              .formatted(validationFraction, shuffled));
    }
  }

  /**
   * Rows of a shard of 64 MiB of ids.
   *
   * @param sequenceLength tokens that a row predicts
   */
  public static int defaultRowsPerShard(int sequenceLength) {
    return Math.max(1, (1 << 24) / (sequenceLength + 1));
  }

  /**
   * How far the work is.
   *
   * @param bytesRead of the files, 0 where that is not known
   * @param documents read
   * @param tokens in them, with BOS and EOS
   * @param rows written for training
   * @param validationRows written for validation
   * @param discarded ids that are in no row: documents' rests and the last, short rows
   * @param cut conversations that are longer than a row
   * @param leftOut conversations that are no row, as they leave no assistant's token to predict
   * @param shards written, with those for validation
   */
  public record Progress(
      long bytesRead,
      long documents,
      long tokens,
      long rows,
      long validationRows,
      long discarded,
      long cut,
      long leftOut,
      int shards) {}

  /**
   * Packs {@code source} into {@code out}, new or empty; it takes that name when all is written.
   *
   * @param watch told after each document
   * @return where the work ended
   * @throws DataException if a document is broken or there is not one row
   * @throws UncheckedIOException if a file cannot be written
   */
  public Progress into(Path out, DocumentSource source, Consumer<Progress> watch) {
    Path beside = out.resolveSibling("." + out.getFileName() + ".tmp");
    try {
      remove(beside);
      Files.createDirectories(beside);
      Progress end = write(beside, source, watch);
      if (end.rows() == 0) {
        throw new DataException(
            "%s: not one row of sequence_length + 1 = %d tokens in it: use more data or a smaller sequence_length"
                .formatted(source.name(), sequenceLength + 1));
      }
      PackManifest.write(beside.resolve(MANIFEST), this, source.name(), end);
      Files.move(beside, out, StandardCopyOption.ATOMIC_MOVE);
      return end;
    } catch (IOException e) {
      throw new UncheckedIOException(out + ": cannot be written: " + e.getMessage(), e);
    } finally {
      removeQuietly(beside);
    }
  }

  private Progress write(Path folder, DocumentSource source, Consumer<Progress> watch) {
    Packing packing =
        Packing.training(sequenceLength, vocabularySize, Optional.of(tokenizer))
            .with(chat)
            .with(model);
    DocumentReader read = source.open();
    DocumentReader documents = shuffled > 1 ? new ShuffledDocuments(read, shuffled, seed) : read;
    try (ParallelIds encoded = new ParallelIds(documents, packing, threads);
        Shards train = new Shards(folder, this);
        Shards validation = new Shards(folder.resolve(VALIDATION), this)) {
      Progress now = new Progress(0, 0, 0, 0, 0, 0, 0, 0, 0);
      @Nullable Encoded document;
      while ((document = encoded.next()) != null) {
        boolean held = Draw.uniform(seed, HELD_OUT, now.documents()) < validationFraction;
        (held ? validation : train).add(document);
        now =
            new Progress(
                documents.bytesRead(),
                now.documents() + 1,
                now.tokens() + document.ids().length,
                train.rows(),
                validation.rows(),
                train.discarded() + validation.discarded(),
                now.cut() + (document.isCut() ? 1 : 0),
                now.leftOut() + (document.isLeftOut() ? 1 : 0),
                train.shards() + validation.shards());
        watch.accept(now);
      }
      train.finish();
      validation.finish();
      return new Progress(
          documents.bytesRead(),
          now.documents(),
          now.tokens(),
          train.rows(),
          validation.rows(),
          train.discarded() + validation.discarded(),
          now.cut(),
          now.leftOut(),
          train.shards() + validation.shards());
    }
  }

  private static void removeQuietly(Path folder) {
    try {
      remove(folder);
    } catch (IOException e) {
      // What led here is what gets reported; the next run removes it.
    }
  }

  private static void remove(Path folder) throws IOException {
    if (!Files.exists(folder)) {
      return;
    }
    List<Path> found;
    try (Stream<Path> members = Files.walk(folder)) {
      found = members.sorted(Comparator.reverseOrder()).toList();
    }
    for (Path path : found) {
      Files.delete(path);
    }
  }
}
