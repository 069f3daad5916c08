package rondo.data.tokenizer;

import java.util.Collections;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;

/**
 * The ids that begin and end a document, as far as they are known: by them a tokenizer is told from
 * another one whose ids a model would take, too.
 *
 * @param eos any of these ends a document; empty where it is not known
 */
public record SpecialIds(OptionalInt bos, List<Integer> eos) {
  /** Nothing is known: whatever is compared with it fits. */
  public static final SpecialIds NONE = new SpecialIds(OptionalInt.empty(), List.of());

  public SpecialIds {
    eos = List.copyOf(eos);
  }

  /** Those of a tokenizer. */
  public static SpecialIds of(Tokenizer tokenizer) {
    return new SpecialIds(tokenizer.bos(), tokenizer.eos().stream().boxed().toList());
  }

  /** These, and what is not known of them as others have it. */
  public SpecialIds or(SpecialIds others) {
    return new SpecialIds(bos.isPresent() ? bos : others.bos, eos.isEmpty() ? others.eos : eos);
  }

  /**
   * What differs from the model's ids, where both are known: "BOS 1 where the model has 128000".
   */
  public Optional<String> differsFrom(SpecialIds model) {
    if (bos.isPresent() && model.bos.isPresent() && bos.getAsInt() != model.bos.getAsInt()) {
      return Optional.of(
          "BOS %d where the model has %d".formatted(bos.getAsInt(), model.bos.getAsInt()));
    }
    if (!eos.isEmpty() && !model.eos.isEmpty() && Collections.disjoint(eos, model.eos)) {
      return Optional.of("EOS %s where the model has %s".formatted(text(eos), text(model.eos)));
    }
    return Optional.empty();
  }

  private static String text(List<Integer> ids) {
    return ids.size() == 1 ? String.valueOf(ids.getFirst()) : String.valueOf(ids);
  }
}
