package rondo.data.hub;

/** Why a model of a hub cannot be had, in one line with what to do about it. */
public final class HubException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  private final boolean refused;

  private HubException(String message, boolean refused, Throwable cause) {
    super(message, cause);
    this.refused = refused;
  }

  private HubException(String message, boolean refused) {
    super(message);
    this.refused = refused;
  }

  /** The hub has no such thing, or not for this caller: asking again would not help. */
  static HubException refused(String message) {
    return new HubException(message, true);
  }

  /** The network, the hub or the disk failed. */
  static HubException failed(String message) {
    return new HubException(message, false);
  }

  static HubException failed(String message, Throwable cause) {
    return new HubException(message, false, cause);
  }

  /** Whether the same call will fail again, whatever the network does. */
  public boolean isRefused() {
    return refused;
  }
}
