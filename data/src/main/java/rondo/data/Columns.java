package rondo.data;

import java.util.Optional;

/** The names of the columns that hold data, and what to say when they are not there. */
final class Columns {
  static final String TOKENS = "input_ids";
  static final String TEXT = "text";

  private Columns() {}

  static String missing(String where, Optional<String> textColumn, CharSequence present) {
    String wanted =
        textColumn
            .map(name -> "no column \"" + name + "\"")
            .orElse("neither a column \"" + TOKENS + "\" nor \"" + TEXT + "\"");
    return where + ": " + wanted + "; there are [" + present + "]: name one of them with text:";
  }
}
