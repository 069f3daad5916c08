package rondo.engine.device;

/** A program with addresses: runs any number of times, allocating nothing. */
public final class Executable {
  private final String name;
  private final Runnable[] launches;
  private final long flops;

  Executable(String name, Runnable[] launches, long flops) {
    this.name = name;
    this.launches = launches;
    this.flops = flops;
  }

  /** Enqueues every step in order. */
  public void run() {
    for (var launch : launches) {
      launch.run();
    }
  }

  /** Floating-point operations of one run. */
  public long flops() {
    return flops;
  }

  @Override
  public String toString() {
    return name + ": " + launches.length + " launches, " + flops + " FLOPs";
  }
}
