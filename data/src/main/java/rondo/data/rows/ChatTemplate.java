package rondo.data.rows;

import java.util.List;
import java.util.Optional;

/**
 * How conversations are written out as text. What a template writes in angle brackets are special
 * tokens of the tokenizers that it is made for. Contents are written without white space at their
 * ends.
 */
public enum ChatTemplate {
  /** Huginn-0125's, which calls the assistant Huginn. */
  HUGINN(
      "<|begin_text|>",
      "<|begin_header|>",
      "<|end_header|>",
      "\n\n",
      "<|end_turn|>",
      "",
      "<|end_text|>",
      "Huginn"),
  /** Llama 3's, without its lines of dates. */
  LLAMA3(
      "<|begin_of_text|>",
      "<|start_header_id|>",
      "<|end_header_id|>",
      "\n\n",
      "<|eot_id|>",
      "",
      "",
      "assistant"),
  /** ChatML, of many models. */
  CHATML("", "<|im_start|>", "", "\n", "<|im_end|>", "\n", "", "assistant");

  /** Before everything. */
  final String start;

  /** Before and behind a role. */
  final String open;

  final String close;

  /** Between a role and its content. */
  final String gap;

  /** The end of a turn, which an assistant has to say. */
  final String turn;

  /** Behind a turn. */
  final String behind;

  /** Behind everything. */
  final String end;

  /** What the assistant is called. */
  final String assistant;

  ChatTemplate(
      String start,
      String open,
      String close,
      String gap,
      String turn,
      String behind,
      String end,
      String assistant) {
    this.start = start;
    this.open = open;
    this.close = close;
    this.gap = gap;
    this.turn = turn;
    this.behind = behind;
    this.end = end;
    this.assistant = assistant;
  }

  /** The template of a name: {@code huginn}, {@code llama3} or {@code chatml}. */
  public static Optional<ChatTemplate> named(String name) {
    return List.of(values()).stream()
        .filter(template -> template.name().equalsIgnoreCase(name))
        .findFirst();
  }

  /** The texts that must each be one token. */
  List<String> markers() {
    return List.of(start, open, close, turn, end).stream().filter(m -> !m.isEmpty()).toList();
  }
}
