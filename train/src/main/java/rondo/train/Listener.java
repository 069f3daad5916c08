package rondo.train;

import java.util.List;

/** Who watches a run. */
public interface Listener {
  /** A remark, one line. */
  void note(String line);

  /** Before the first step of this process. */
  void started(long step, long steps);

  void step(StepReport report);

  /** Validation loss over depth after a step. */
  default void validated(long step, List<LossOverDepth.Row> rows) {}

  /** The same with averaged weights. */
  default void validatedAverage(long step, List<LossOverDepth.Row> rows) {}

  /** Nobody. */
  static Listener none() {
    return new Listener() {
      @Override
      public void note(String line) {}

      @Override
      public void started(long step, long steps) {}

      @Override
      public void step(StepReport report) {}
    };
  }
}
