package rondo.bench;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import java.util.SplittableRandom;
import rondo.data.DocumentSource;
import rondo.data.PackedRows;
import rondo.data.ParquetWriter;
import rondo.data.rows.BatchShape;
import rondo.data.rows.Batches;
import rondo.data.rows.Mixture;
import rondo.data.rows.Pack;
import rondo.data.rows.Packing;
import rondo.data.rows.Rank;
import rondo.data.rows.ReadyBatches;
import rondo.data.rows.RowCycle;
import rondo.data.rows.RowRule;
import rondo.data.tokenizer.SpecialIds;
import rondo.data.tokenizer.Tokenizers;

/**
 * How quickly data is packed and read, and what memory that takes:
 *
 * <pre>
 *   --part P               tokenise, write or read
 *   --folder F             of the packed rows: tokenise and write make it, read reads it
 *   --text F, --tokenizer DIR, --threads 1,2     for tokenise: what, and by how many threads
 *   --gigabytes G          for write: size of the random ids          (1)
 *   --sequence-length T    tokens that a row predicts                 (1024)
 *   --shuffle S            for read: shards or none                   (shards)
 * </pre>
 *
 * One part a process: the peak of its memory is printed where the system tells it.
 */
public final class DataFigures {
  private static final Set<String> OPTIONS =
      Set.of(
          "part",
          "folder",
          "text",
          "tokenizer",
          "threads",
          "gigabytes",
          "sequence-length",
          "shuffle");

  private static final int VOCABULARY = 128_256; // Llama 3.2's
  private static final int ROWS_OF_A_BATCH = 8;

  private DataFigures() {}

  public static void main(String[] arguments) throws IOException {
    var options = new Options(arguments, OPTIONS);
    var folder = Path.of(options.text("folder", "packed"));
    int length = options.count("sequence-length", 1024);
    switch (options.text("part", "read")) {
      case "tokenise" -> tokenise(options, folder, length);
      case "write" -> write(folder, length, options.number("gigabytes", 1));
      case "read" -> read(folder, length, options.text("shuffle", "shards").equals("shards"));
      default -> throw new IllegalArgumentException("--part: expected tokenise, write or read");
    }
    System.out.println(memory());
  }

  private static void tokenise(Options options, Path folder, int length) throws IOException {
    var source = DocumentSource.of(Path.of(options.text("text", "text.jsonl")));
    var words = Tokenizers.load(Path.of(options.text("tokenizer", "tokenizer")));
    for (var threads : options.text("threads", "1,2").split(",", -1)) {
      for (var pass : List.of("first", "second")) { // the first one compiles
        var pack =
            new Pack(
                words,
                words.vocabularySize(),
                SpecialIds.NONE,
                length,
                RowRule.WRAPPED,
                Pack.defaultRowsPerShard(length),
                0,
                0,
                0,
                Integer.parseInt(threads),
                Optional.empty());
        remove(folder);
        long started = System.nanoTime();
        var end = pack.into(folder, source, now -> {});
        tell(
            "%s threads, %s pass: %.0f tokens/s, %.0f rows/s",
            threads, pass, end.tokens() / seconds(started), end.rows() / seconds(started));
      }
    }
  }

  private static void write(Path folder, int length, double gigabytes) throws IOException {
    Files.createDirectories(folder);
    var random = new SplittableRandom(1);
    long rows = (long) (gigabytes * 1e9 / Integer.BYTES / (length + 1));
    int shard = Pack.defaultRowsPerShard(length);
    long started = System.nanoTime();
    try (var writer = new ParquetWriter(folder)) {
      int files = 0;
      for (long i = 0; i < rows; i++) {
        var row = new int[length + 1];
        for (int j = 0; j <= length; j++) { // as skewed as words are
          row[j] = (int) Math.exp(random.nextDouble() * Math.log(VOCABULARY - 1));
        }
        writer.add(row);
        if (writer.rows() == shard || i == rows - 1) {
          writer.write(folder.resolve("%05d.parquet".formatted(files++)));
        }
      }
    }
    tell("%d rows written, %.0f rows/s", rows, rows / seconds(started));
  }

  /** A pass over all rows as training makes it. */
  private static void read(Path folder, int length, boolean shards) {
    var packing = Packing.training(length, VOCABULARY, Optional.empty());
    var packed = PackedRows.find(folder, ParquetWriter.GROUP).orElseThrow();
    var rows =
        shards
            ? RowCycle.shards(packed, packing, 1, Rank.ONLY)
            : RowCycle.streaming(DocumentSource.of(folder), packing, Rank.ONLY);
    var shape = new BatchShape(ROWS_OF_A_BATCH, length);
    int[] tokens = new int[shape.size()];
    int[] targets = new int[shape.size()];
    long batches = packed.rows() / ROWS_OF_A_BATCH;
    try (var ready = new ReadyBatches(new Batches(Mixture.of(rows), shape), ROWS_OF_A_BATCH)) {
      long started = System.nanoTime();
      long longest = 0;
      for (long i = 0; i < batches; i++) {
        long before = System.nanoTime();
        ready.next(tokens, targets);
        longest = i == 0 ? 0 : Math.max(longest, System.nanoTime() - before);
      }
      double rate = batches * ROWS_OF_A_BATCH / seconds(started);
      tell(
          "%d rows read, %.0f rows/s, %.0f tokens/s, longest wait after the first batch %.3f s",
          batches * ROWS_OF_A_BATCH, rate, rate * length, longest / 1e9);
      var cursor = ready.cursor();
      long sought = System.nanoTime();
      ready.seek(cursor);
      ready.next(tokens, targets);
      tell("%.3f s to go on from there", seconds(sought));
    }
  }

  private static double seconds(long started) {
    return (System.nanoTime() - started) / 1e9;
  }

  @SuppressWarnings("AnnotateFormatMethod") // its annotation would be one more dependency
  private static void tell(String line, Object... values) {
    System.out.println(line.formatted(values).toLowerCase(Locale.ROOT));
  }

  /** The most memory that this process has had, by Linux' account. */
  private static String memory() throws IOException {
    var status = Path.of("/proc/self/status");
    if (!Files.exists(status)) {
      return "peak memory is not known here";
    }
    return Files.readAllLines(status).stream()
        .filter(line -> line.startsWith("VmHWM"))
        .map(line -> "peak memory " + line.substring(line.indexOf(':') + 1).strip())
        .findFirst()
        .orElse("peak memory is not known here");
  }

  private static void remove(Path folder) throws IOException {
    if (Files.exists(folder)) {
      try (var files = Files.walk(folder)) {
        for (var file : files.sorted(Comparator.reverseOrder()).toList()) {
          Files.delete(file);
        }
      }
    }
  }
}
