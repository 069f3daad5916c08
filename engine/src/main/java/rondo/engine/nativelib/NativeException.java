package rondo.engine.nativelib;

/** A device library refused an operation: the function, its error code and its one-line reason. */
public final class NativeException extends RuntimeException {
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
