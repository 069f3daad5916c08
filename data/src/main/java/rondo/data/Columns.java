package rondo.data;

import java.util.List;
import java.util.Optional;

/** The names of the columns that hold data, and what to say when they are not there. */
final class Columns {
  static final String TOKENS = "input_ids";
  static final String LABELS = "labels";
  static final String TEXT = "text";
  static final String MESSAGES = "messages";

  /** What is looked for where no column is named: the first that is there. */
  static final List<String> KNOWN = List.of(TOKENS, TEXT, MESSAGES);

  private Columns() {}

  static String missing(String where, Optional<String> textColumn, CharSequence present) {
    String wanted =
        textColumn
            .map(name -> "no column \"" + name + "\"")
            .orElse("none of the columns " + String.join(", ", KNOWN));
    return where + ": " + wanted + "; there are [" + present + "]: name one of them with text:";
  }
}
