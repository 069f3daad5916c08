package rondo.train;

import java.util.List;

/** Who watches a run. */
public interface Listener {
  /** A remark, one line. */
  void note(String line);

  /**
   * While rows are read, and text is tokenised, before the first step.
   *
   * @param source what messages call the data
   * @param rows so far
   */
  default void reading(String source, long rows) {}

  /** Before the first step of this process. */
  void started(long step, long steps);

  void step(StepReport report);

  /**
   * While validation losses are measured after a step.
   *
   * @param rows done so far, of {@code total}; averaged weights begin again
   */
  default void measuring(long step, long rows, long total) {}

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
