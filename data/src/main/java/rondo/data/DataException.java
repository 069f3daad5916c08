package rondo.data;

/**
 * Data or a tokenizer file that cannot be used; the message is one line that says what is wrong,
 * where (file, and line or row), what was expected and, where there is one, the remedy.
 */
public final class DataException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  public DataException(String message) {
    super(message);
  }

  public DataException(String message, Throwable cause) {
    super(message, cause);
  }
}
