package rondo.bench;

/** What a rate counts. */
public enum Unit {
  FLOPS("GFLOP/s", 1e9),
  BYTES("GB/s", 1e9),
  TOKENS("tokens/s", 1),
  CALLS("million calls/s", 1e6);

  private final String label;
  private final double size;

  Unit(String label, double size) {
    this.label = label;
    this.size = size;
  }

  public String label() {
    return label;
  }

  /** Work per second in this unit. */
  public double rate(double work, double seconds) {
    return work / seconds / size;
  }
}
