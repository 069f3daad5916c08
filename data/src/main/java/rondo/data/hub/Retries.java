package rondo.data.hub;

/** Tries in a row that got no further, with longer and longer pauses between. */
final class Retries {
  private static final long LONGEST_PAUSE_MILLIS = 30_000;

  private final HubSettings settings;
  private int failures;

  Retries(HubSettings settings) {
    this.settings = settings;
  }

  /** The last try got further. */
  void reset() {
    failures = 0;
  }

  /**
   * Waits for the next try.
   *
   * @throws HubException when there have been enough
   */
  void failed(String reason, String what) {
    failures++;
    if (failures >= settings.tries()) {
      throw HubException.failed(
          "%s: %s, %d times in a row; what is there is kept for the next call"
              .formatted(what, reason, failures));
    }
    try {
      long pause = settings.pause().toMillis() << (failures - 1);
      Thread.sleep(Math.min(pause, LONGEST_PAUSE_MILLIS));
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw HubException.failed(what + ": interrupted", e);
    }
  }
}
