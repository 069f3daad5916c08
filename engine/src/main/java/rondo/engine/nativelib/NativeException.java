package rondo.engine.nativelib;

/**
 * A device library could not do what it was rightly asked: a limit, no memory, a fault of the
 * device. The message is one line with the function; {@link #code} tells which.
 */
public final class NativeException extends RuntimeException {
  /** {@code RONDO_NO_MEMORY}, of {@link #code}. */
  public static final int NO_MEMORY = 3;

  private static final long serialVersionUID = 1L;

  private final int code;

  NativeException(int code, String message) {
    super(message);
    this.code = code;
  }

  /** The {@code RONDO_*} status of {@code rondo.h}. */
  public int code() {
    return code;
  }
}
