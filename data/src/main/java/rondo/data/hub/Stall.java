package rondo.data.hub;

import java.io.IOException;
import java.io.InputStream;
import java.time.Duration;

/** Ends a connection on which nothing moves: reading from it would wait for ever. */
final class Stall implements AutoCloseable {
  private final InputStream body;
  private final long patience;
  private final Thread thread;
  private volatile long movedAt = System.nanoTime();
  private volatile boolean stalled;

  Stall(InputStream body, Duration patience) {
    this.body = body;
    this.patience = patience.toNanos();
    thread = Thread.ofVirtual().name("stall").start(this::watch);
  }

  private void watch() {
    try {
      while (!stalled) {
        long left = patience - (System.nanoTime() - movedAt);
        if (left > 0) {
          Thread.sleep(Duration.ofNanos(left));
        } else {
          stalled = true;
          body.close();
        }
      }
    } catch (InterruptedException _) {
      // The download has ended.
    } catch (IOException _) {
      // It could not be closed: what reads from it fails of itself.
    }
  }

  void moved() {
    movedAt = System.nanoTime();
  }

  boolean isStalled() {
    return stalled;
  }

  IOException failure() {
    return new IOException(
        "nothing came for %d s".formatted(Duration.ofNanos(patience).toSeconds()));
  }

  @Override
  public void close() {
    thread.interrupt();
  }
}
