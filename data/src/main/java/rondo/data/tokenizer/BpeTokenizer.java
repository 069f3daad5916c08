package rondo.data.tokenizer;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * A byte-pair encoding read from a Hugging Face {@code tokenizer.json}: byte-level as of GPT-2,
 * Llama 3 and OLMo 2, or SentencePiece with byte fallback as of Llama 2 and TinyLlama. Truncation
 * and padding, which such a file can also ask for, are not applied.
 */
public final class BpeTokenizer implements Tokenizer {

  /** The components of the file, in the order in which text passes through them. */
  record Parts(
      List<AddedTokens.Added> added,
      Normalizer normalizer,
      PreTokenizer preTokenizer,
      Bpe bpe,
      List<Integer> before,
      List<Integer> after,
      Decoder decoder,
      Map<String, Integer> vocabulary) {}

  private final Path file;
  private final Map<String, byte[]> files;
  private final Parts parts;
  private final OptionalInt bos;
  private final OptionalInt eos;
  private final AddedTokens inText;
  private final AddedTokens inNormalizedText;
  private final @Nullable String[] spellings;
  private final Set<Integer> special;

  BpeTokenizer(
      Path file, Map<String, byte[]> files, Parts parts, OptionalInt bos, OptionalInt eos) {
    this.file = file;
    this.files = files;
    this.parts = parts;
    this.bos = bos;
    this.eos = eos;
    List<AddedTokens.Added> added = parts.added();
    inText =
        new AddedTokens(
            added.stream().filter(t -> !t.normalized()).toList(), new Normalizer.Chain(List.of()));
    inNormalizedText =
        new AddedTokens(
            added.stream().filter(AddedTokens.Added::normalized).toList(), parts.normalizer());
    special =
        Set.copyOf(
            added.stream()
                .filter(AddedTokens.Added::special)
                .map(AddedTokens.Added::id)
                .distinct()
                .toList());
    int size = 0;
    for (int id : parts.vocabulary().values()) {
      size = Math.max(size, id + 1);
    }
    for (AddedTokens.Added token : added) {
      size = Math.max(size, token.id() + 1);
    }
    spellings = new @Nullable String[size];
    parts.vocabulary().forEach((token, id) -> spellings[id] = token);
    added.forEach(token -> spellings[token.id()] = token.content());
  }

  /** What was read: {@code tokenizer.json} and the files beside it, by name. */
  Map<String, byte[]> files() {
    return files;
  }

  @Override
  public String name() {
    return file.toString();
  }

  @Override
  public int vocabularySize() {
    return spellings.length;
  }

  @Override
  public int[] encode(String text, boolean addSpecialTokens) {
    IntList out = new IntList(text.length() / 3);
    if (addSpecialTokens) {
      parts.before().forEach(out::add);
    }
    for (AddedTokens.Part part : inText.split(text, true)) {
      if (part.id() >= 0) {
        out.add(part.id());
      } else {
        encodePart(part, out);
      }
    }
    if (addSpecialTokens) {
      parts.after().forEach(out::add);
    }
    return out.toArray();
  }

  private void encodePart(AddedTokens.Part part, IntList out) {
    String normalized = parts.normalizer().apply(part.text());
    for (AddedTokens.Part piece : inNormalizedText.split(normalized, part.first())) {
      if (piece.id() >= 0) {
        out.add(piece.id());
      } else if (!piece.text().isEmpty()) {
        parts
            .preTokenizer()
            .split(piece.text(), piece.first(), word -> parts.bpe().encode(word, out));
      }
    }
  }

  @Override
  public String decode(int[] ids, boolean skipSpecialTokens) {
    List<String> tokens = new ArrayList<>(ids.length);
    for (int id : ids) {
      String token = id >= 0 && id < spellings.length ? spellings[id] : null;
      if (token != null && !(skipSpecialTokens && special.contains(id))) {
        tokens.add(token);
      }
    }
    return String.join("", parts.decoder().apply(tokens));
  }

  @Override
  public OptionalInt bos() {
    return bos;
  }

  @Override
  public OptionalInt eos() {
    return eos;
  }
}
