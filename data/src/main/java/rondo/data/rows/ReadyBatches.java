package rondo.data.rows;

import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import org.jspecify.annotations.Nullable;

/**
 * {@link Batches} that a thread of its own makes ahead, so that no step waits for tokens to be read
 * or made; the same batches. The cursor is that of the batch handed out last. A failure is told
 * when the batch is asked for that it stands in the way of. For one caller.
 */
public final class ReadyBatches implements AutoCloseable {
  private final Batches batches;
  private final int ahead;
  private Cursor cursor;
  private @Nullable Maker maker;

  /** A batch, or why there is none. */
  private static final class Slot {
    private final int[] tokens;
    private final int[] targets;
    private int predicted;
    private @Nullable Cursor after;
    private @Nullable Throwable failure;

    Slot(int size) {
      tokens = new int[size];
      targets = new int[size];
    }
  }

  /**
   * Takes {@code batches} over; the thread begins with the first batch asked for.
   *
   * @param ahead how many batches are held ready, at least 1; each takes 8 bytes a token
   */
  public ReadyBatches(Batches batches, int ahead) {
    if (ahead < 1) {
      throw new IllegalArgumentException(ahead + " batches ahead, expected at least 1");
    }
    this.batches = batches;
    this.ahead = ahead;
    cursor = batches.cursor();
  }

  /** As {@link Batches#next}. */
  public int next(int[] tokens, int[] targets) {
    batches.shape().check(tokens, targets);
    if (maker == null) {
      maker = new Maker();
      maker.thread.start();
    }
    return maker.take(tokens, targets);
  }

  /** The place after the last batch that {@link #next} gave. */
  public Cursor cursor() {
    return cursor;
  }

  /** As {@link Batches#seek}: what has been made ahead is dropped. */
  public void seek(Cursor to) {
    stop();
    batches.seek(to);
    cursor = to;
  }

  private void stop() {
    if (maker != null) {
      maker.stop();
      maker = null;
    }
  }

  @Override
  public void close() {
    stop();
    batches.close();
  }

  /** The thread, and the slots that go round between it and the caller. */
  private final class Maker {
    private final BlockingQueue<Slot> free = new ArrayBlockingQueue<>(ahead);
    private final BlockingQueue<Slot> ready = new ArrayBlockingQueue<>(ahead);
    private final Thread thread = Thread.ofPlatform().daemon().name("batches").unstarted(this::run);
    private volatile boolean stopped;

    Maker() {
      for (int i = 0; i < ahead; i++) {
        free.add(new Slot(batches.shape().size()));
      }
    }

    private void run() {
      try {
        while (!stopped) {
          Slot slot = free.take();
          try {
            slot.predicted = batches.next(slot.tokens, slot.targets);
            slot.after = batches.cursor();
          } catch (RuntimeException | Error e) {
            slot.failure = e;
          }
          ready.put(slot);
          if (slot.failure != null) {
            return;
          }
        }
      } catch (InterruptedException e) {
        // Stopped while it waited: what it made is dropped.
      }
    }

    int take(int[] tokens, int[] targets) {
      Slot slot;
      try {
        slot = ready.take();
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        throw new IllegalStateException("interrupted while a batch was awaited", e);
      }
      Cursor after = slot.after;
      if (slot.failure != null || after == null) {
        ready.add(slot); // every further call fails as this one
        switch (slot.failure) {
          case Error error -> throw error;
          case RuntimeException failure -> throw failure;
          case null, default -> throw new IllegalStateException(slot.failure);
        }
      }
      int size = batches.shape().size();
      System.arraycopy(slot.tokens, 0, tokens, 0, size);
      System.arraycopy(slot.targets, 0, targets, 0, size);
      cursor = after;
      int predicted = slot.predicted;
      free.add(slot);
      return predicted;
    }

    /** Waits for the thread, which may be amid a batch: nothing else uses the rows afterwards. */
    void stop() {
      stopped = true;
      thread.interrupt();
      boolean interrupted = false;
      while (thread.isAlive()) {
        try {
          thread.join();
        } catch (InterruptedException e) {
          interrupted = true;
        }
      }
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }
}
