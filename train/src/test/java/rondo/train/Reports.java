package rondo.train;

import java.util.List;

/** Collects the reports of a run. */
record Reports(List<StepReport> all) implements Listener {
  @Override
  public void note(String line) {
    System.out.println(line);
  }

  @Override
  public void started(long step, long steps) {}

  @Override
  public void step(StepReport report) {
    all.add(report);
  }
}
