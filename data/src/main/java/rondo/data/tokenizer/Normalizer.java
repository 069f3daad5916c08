package rondo.data.tokenizer;

import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** A rewriting of text before it is cut into words. */
sealed interface Normalizer {
  String apply(String text);

  /** One after the other; an empty list changes nothing. */
  record Chain(List<Normalizer> steps) implements Normalizer {
    @Override
    public String apply(String text) {
      String result = text;
      for (Normalizer step : steps) {
        result = step.apply(result);
      }
      return result;
    }
  }

  /** Puts {@code prefix} in front of any text that is not empty. */
  record Prepend(String prefix) implements Normalizer {
    @Override
    public String apply(String text) {
      return text.isEmpty() ? text : prefix + text;
    }
  }

  record Replace(String from, String to) implements Normalizer {
    @Override
    public String apply(String text) {
      return text.replace(from, to);
    }
  }

  record ReplacePattern(Pattern from, String to) implements Normalizer {
    @Override
    public String apply(String text) {
      return from.matcher(text).replaceAll(Matcher.quoteReplacement(to));
    }
  }

  /** A Unicode normal form: NFC, NFD, NFKC or NFKD. */
  record Unicode(java.text.Normalizer.Form form) implements Normalizer {
    @Override
    public String apply(String text) {
      return java.text.Normalizer.normalize(text, form);
    }
  }
}
