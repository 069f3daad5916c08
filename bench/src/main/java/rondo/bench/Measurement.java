package rondo.bench;

/**
 * One contender at one subject.
 *
 * @param group the table it belongs to, such as "products"
 * @param subject what was done, the same for all contenders that are compared
 * @param contender who did it: {@link #RONDO} or another
 * @param work FLOPs, bytes or tokens of one run
 */
public record Measurement(
    String group, String subject, String contender, Timing timing, double work, Unit unit) {
  /** The contender that others are compared with. */
  public static final String RONDO = "Rondo";

  public double best() {
    return unit.rate(work, timing.best());
  }

  public double median() {
    return unit.rate(work, timing.median());
  }

  /** Rate over the other's rate, round by round: 1 when both are as quick for the same work. */
  public double ratioTo(Measurement other) {
    return timing.speedOver(other.timing) * (work / other.work);
  }
}
