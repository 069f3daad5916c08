package rondo.bench;

import java.lang.management.ManagementFactory;

/** What time is told by. */
public enum Clock {
  /** Time as on the wall. */
  WALL {
    @Override
    long nanos() {
      return System.nanoTime();
    }
  },
  /**
   * Time that the calling thread ran: for contenders of one thread, on a machine that others use as
   * well.
   */
  PROCESSOR {
    @Override
    long nanos() {
      return ManagementFactory.getThreadMXBean().getCurrentThreadCpuTime();
    }
  };

  abstract long nanos();
}
