package rondo.cli;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import rondo.data.DocumentSource;
import rondo.data.rows.Chat;
import rondo.data.rows.ChatTemplate;
import rondo.data.rows.Pack;
import rondo.data.rows.RowRule;
import rondo.data.tokenizer.SpecialIds;
import rondo.data.tokenizer.Tokenizer;
import rondo.data.tokenizer.Tokenizers;
import rondo.train.ModelTokens;

/** Text becomes rows of token ids. */
@Command(
    name = "pack",
    sortOptions = false,
    description = {
      "Tokenise text and cut it into rows of sequence length + 1 token ids: Parquet shards of a"
          + " column input_ids, which training and validation read as they are.",
      "",
      "With --chat, conversations (a column messages) become a row each, of which only the"
          + " assistant's answers are predicted: a column labels says so.",
      "White space at the ends of a document is dropped; BOS goes in front of it and EOS behind,"
          + " as far as the tokenizer has them. Rows are the same with any number of threads.",
      "Shards are 00000.parquet, 00001.parquet … in the folder --out, held-out rows the same in"
          + " its folder validation; pack.json says what all was made of."
    },
    footer = {
      "",
      "Example:",
      "  rondo pack --data corpus --model TinyLlama-1.1B --sequence-length 1024 \\",
      "      --validation-fraction 0.01 --out packed",
      "  rondo pack --data chats.jsonl --model huginn --chat huginn --out chats"
    })
final class PackCommand extends Work {
  private static final double MILLION = 1e6;

  @Option(
      names = "--data",
      required = true,
      paramLabel = "F",
      description = "A .txt, .jsonl, .parquet or .arrow file, or a folder of such files.")
  private Path data = Path.of("");

  @Option(
      names = "--model",
      paramLabel = "DIR",
      description = "Model folder, whose tokenizer is used and whose vocabulary holds.")
  private @Nullable Path model;

  @Option(
      names = "--tokenizer",
      paramLabel = "DIR",
      description = "Folder with tokenizer.json (default: the model's).")
  private @Nullable Path tokenizer;

  @Option(
      names = "--sequence-length",
      paramLabel = "T",
      description = "Tokens that a row predicts; it has one more id (default: 1024).")
  private int sequenceLength = 1024;

  @Option(
      names = "--rule",
      paramLabel = "wrapped|document",
      description =
          "wrapped: one stream of all documents, cut wherever they end. document: documents joined"
              + " until they fill a row and the rest of the last one discarded, so that a row"
              + " begins where a document does (default: wrapped).")
  private String rule = "wrapped";

  @Option(
      names = "--text",
      paramLabel = "COLUMN",
      description = "Column of the text (default: input_ids where there is one, else text).")
  private @Nullable String text;

  @Option(
      names = "--chat",
      paramLabel = "huginn|llama3|chatml",
      description = "Template by which conversations are written out.")
  private @Nullable String chat;

  @Option(
      names = "--system",
      paramLabel = "TEXT",
      description = "What the system says in front of conversations that do not begin with it.")
  private @Nullable String system;

  @Option(
      names = "--rows-per-shard",
      paramLabel = "N",
      description = "Rows of a file at most (default: as many as have 64 MiB of ids).")
  private @Nullable Integer rowsPerShard;

  @Option(
      names = "--validation-fraction",
      paramLabel = "F",
      description = "How much of the documents is held out, from 0 to below 1 (default: 0).")
  private double validationFraction;

  @Option(
      names = "--shuffle",
      paramLabel = "N",
      description =
          "Put documents into another order, decided by --seed, within blocks of N that are held in"
              + " memory; the rows of different blocks never mix (default: 0, their own order).")
  private int shuffle;

  @Option(
      names = "--out",
      required = true,
      paramLabel = "DIR",
      description = "Folder to write: new or empty. It takes that name when all is written.")
  private Path out = Path.of("");

  @Override
  void run(Console console) throws IOException {
    if (common.threads < 0) {
      throw new IllegalArgumentException("--threads " + common.threads + ": expected at least 1");
    }
    Numbers.atLeast("--sequence-length", sequenceLength, 1);
    Numbers.atLeast("--shuffle", shuffle, 0);
    if (!(validationFraction >= 0 && validationFraction < 1)) {
      throw new IllegalArgumentException(
          "--validation-fraction " + validationFraction + ": expected a number from 0 to below 1");
    }
    var folder = model == null ? null : Models.folder(model, console);
    var words = tokenizer(folder);
    var config = folder == null ? null : Models.config(folder);
    var pack =
        new Pack(
            words,
            config == null ? words.vocabularySize() : config.vocabulary(),
            config == null || folder == null ? SpecialIds.NONE : ModelTokens.of(config, folder),
            sequenceLength,
            rule(),
            rowsPerShard == null
                ? Pack.defaultRowsPerShard(sequenceLength)
                : Numbers.atLeast("--rows-per-shard", rowsPerShard, 1),
            validationFraction,
            shuffle,
            common.seed(),
            common.threads == 0 ? Runtime.getRuntime().availableProcessors() : common.threads,
            chat());
    Output.requireFresh("--out", out);
    var source = DocumentSource.of(data, Optional.ofNullable(text));
    long started = System.nanoTime();
    Pack.Progress end;
    try (var progress = new Progress(console, "MB")) {
      long total = source.bytes() / 1_000_000 + 1;
      end =
          pack.into(
              out,
              source,
              // Bytes are read ahead of the rows they become: the last is not the end.
              now ->
                  progress.update(
                      Math.min(now.bytesRead() / 1_000_000, total - 1),
                      total,
                      detail(now, started)));
    }
    report(console, end, (System.nanoTime() - started) / 1e9);
  }

  private Tokenizer tokenizer(@Nullable Path folder) {
    if (tokenizer != null) {
      return Tokenizers.load(tokenizer);
    }
    if (folder == null) {
      throw new IllegalArgumentException(
          "--tokenizer is missing: expected a folder with tokenizer.json, or --model");
    }
    return Tokenizers.load(folder);
  }

  private RowRule rule() {
    return switch (rule) {
      case "wrapped" -> RowRule.WRAPPED;
      case "document" -> RowRule.DOCUMENT;
      default ->
          throw new IllegalArgumentException("--rule " + rule + ": expected wrapped or document");
    };
  }

  private Optional<Chat> chat() {
    if (chat == null) {
      if (system != null) {
        throw new IllegalArgumentException(
            "--system: expected --chat with it, for conversations alone");
      }
      return Optional.empty();
    }
    var template =
        ChatTemplate.named(chat)
            .orElseThrow(() ->
                new IllegalArgumentException(
                    "--chat " + chat + ": expected huginn, llama3 or chatml"));
    return Optional.of(new Chat(template, Optional.ofNullable(system)));
  }

  private static String detail(Pack.Progress now, long started) {
    double seconds = Math.max(1e-9, (System.nanoTime() - started) / 1e9);
    long rows = now.rows() + now.validationRows();
    return "%s rows  %s rows/s  %s tokens/s"
        .formatted(
            Numbers.count(rows),
            Numbers.count(Math.round(rows / seconds)),
            Numbers.count(Math.round(now.tokens() / seconds)));
  }

  private void report(Console console, Pack.Progress end, double seconds) {
    var table = new TextTable("packed", "").align("l");
    table.row("documents", Numbers.count(end.documents()));
    table.row("tokens", Numbers.count(end.tokens()));
    table.row("rows", Numbers.count(end.rows()));
    table.row("validation rows", Numbers.count(end.validationRows()));
    table.row("discarded tokens", Numbers.count(end.discarded()));
    if (chat != null) {
      table.row("conversations cut", Numbers.count(end.cut()));
      table.row("conversations left out", Numbers.count(end.leftOut()));
    }
    table.row("shards", Numbers.count(end.shards()));
    table.row("time", Numbers.duration(seconds));
    table.row("million tokens/s", Numbers.decimal(end.tokens() / seconds / MILLION, 2));
    console.text("%s\n\nwritten to %s".formatted(table, out));
    var json = Console.object();
    json.put("out", out.toString());
    json.put("sequence_length", sequenceLength);
    json.put("rule", rule().name().toLowerCase(Locale.ROOT));
    json.put("documents", end.documents());
    json.put("tokens", end.tokens());
    json.put("rows", end.rows());
    json.put("validation_rows", end.validationRows());
    json.put("discarded", end.discarded());
    if (chat != null) {
      json.put("conversations_cut", end.cut());
      json.put("conversations_left_out", end.leftOut());
    }
    json.put("shards", end.shards());
    json.put("seconds", seconds);
    json.put("tokens_per_second", end.tokens() / seconds);
    console.json(json);
  }
}
