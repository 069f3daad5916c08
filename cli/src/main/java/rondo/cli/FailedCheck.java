package rondo.cli;

/** What was checked is not as it must be: the work failed, in one line. */
final class FailedCheck extends RuntimeException {
  private static final long serialVersionUID = 1L;

  FailedCheck(String message) {
    super(message);
  }
}
