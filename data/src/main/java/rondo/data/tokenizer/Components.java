package rondo.data.tokenizer;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import rondo.data.tokenizer.PreTokenizer.Metaspace.Prefix;

/** Builds the rewriting steps that a tokenizer file describes. */
final class Components {
  private Components() {}

  static Normalizer normalizer(@Nullable Section s) {
    if (s == null) {
      return new Normalizer.Chain(List.of());
    }
    return switch (s.type()) {
      case "Sequence" ->
          new Normalizer.Chain(
              s.children("normalizers").stream().map(Components::normalizer).toList());
      case "Prepend" -> new Normalizer.Prepend(s.text("prepend"));
      case "Replace" -> replace(s);
      case "NFC", "NFD", "NFKC", "NFKD" ->
          new Normalizer.Unicode(java.text.Normalizer.Form.valueOf(s.type()));
      default ->
          throw s.unknownType("Sequence", "Prepend", "Replace", "NFC", "NFD", "NFKC", "NFKD");
    };
  }

  private static Normalizer replace(Section s) {
    String literal = s.literalPattern();
    String content = s.text("content");
    return literal != null
        ? new Normalizer.Replace(literal, content)
        : new Normalizer.ReplacePattern(s.pattern(), content);
  }

  static PreTokenizer preTokenizer(@Nullable Section s) {
    if (s == null) {
      return new PreTokenizer.Chain(List.of());
    }
    return switch (s.type()) {
      case "Sequence" -> {
        List<PreTokenizer> steps = new ArrayList<>();
        for (Section step : s.children("pretokenizers")) {
          if (!steps.isEmpty() && steps.getLast().bytes()) {
            throw s.wrong("ByteLevel is followed by " + step.type() + ", expected it to be last");
          }
          steps.add(preTokenizer(step));
        }
        yield new PreTokenizer.Chain(List.copyOf(steps));
      }
      case "ByteLevel" ->
          new PreTokenizer.ByteLevel(
              s.flag("add_prefix_space", true),
              s.flag("use_regex", true)
                  ? Optional.of(PreTokenizer.ByteLevel.GPT2)
                  : Optional.empty());
      case "Split" -> split(s);
      case "Digits" ->
          new PreTokenizer.Split(
              Pattern.compile(s.flag("individual_digits", false) ? "\\p{N}" : "\\p{N}+"),
              true,
              true);
      case "Metaspace" ->
          new PreTokenizer.Metaspace(s.text("replacement"), prefix(s), s.flag("split", true));
      default -> throw s.unknownType("Sequence", "ByteLevel", "Split", "Digits", "Metaspace");
    };
  }

  private static PreTokenizer split(Section s) {
    boolean inverted = s.flag("invert", false);
    return switch (s.text("behavior")) {
      case "Isolated" -> new PreTokenizer.Split(s.pattern(), true, true);
      case "Removed" -> new PreTokenizer.Split(s.pattern(), inverted, !inverted);
      default ->
          throw s.wrong(
              "Split with behavior \""
                  + s.text("behavior")
                  + "\" is not supported; supported are [Isolated, Removed]");
    };
  }

  private static Prefix prefix(Section s) {
    String scheme = s.textOrEmpty("prepend_scheme");
    return switch (scheme) {
      case "always" -> Prefix.ALWAYS;
      case "first" -> Prefix.FIRST;
      case "never" -> Prefix.NEVER;
      case "" -> s.flag("add_prefix_space", true) ? Prefix.ALWAYS : Prefix.NEVER;
      default ->
          throw s.wrong("prepend_scheme \"" + scheme + "\", expected always, first or never");
    };
  }

  private static int character(Section s) {
    String content = s.text("content");
    if (content.codePointCount(0, content.length()) != 1) {
      throw s.wrong("\"content\" is \"" + content + "\", expected one character");
    }
    return content.codePointAt(0);
  }

  static Decoder decoder(@Nullable Section s) {
    if (s == null) {
      return new Decoder.Chain(List.of());
    }
    return switch (s.type()) {
      case "Sequence" ->
          new Decoder.Chain(s.children("decoders").stream().map(Components::decoder).toList());
      case "Replace" -> new Decoder.Rewrite(replace(s));
      case "ByteFallback" -> new Decoder.ByteFallback();
      case "Fuse" -> new Decoder.Fuse();
      case "Strip" -> new Decoder.Strip(character(s), s.integer("start"), s.integer("stop"));
      case "ByteLevel" -> new Decoder.ByteLevel();
      case "Metaspace" -> new Decoder.Metaspace(s.text("replacement"), prefix(s) != Prefix.NEVER);
      default ->
          throw s.unknownType(
              "Sequence", "Replace", "ByteFallback", "Fuse", "Strip", "ByteLevel", "Metaspace");
    };
  }
}
