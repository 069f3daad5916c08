package rondo.train.study;

import java.util.Arrays;

/**
 * Rows of problems for a model with {@code time} positions. A training row holds several problems
 * of at most {@code trainedSteps} steps, one after another, so that a long problem in a test has no
 * position that training did not have; a test row holds one problem that fills it.
 */
public final class ProblemRows {
  private static final long TRAINING = 0x747261696eL;
  private static final long TEST = 0x74657374L;

  private final ChainTask task;
  private final int trainedSteps;
  private final int testSteps;
  private final long seed;

  public ProblemRows(ChainTask task, int trainedSteps, int testSteps, long seed) {
    if (trainedSteps < 1 || testSteps < trainedSteps) {
      throw new IllegalArgumentException(
          "problems: 1 ≤ trained steps ≤ test steps, found " + trainedSteps + " and " + testSteps);
    }
    this.task = task;
    this.trainedSteps = trainedSteps;
    this.testSteps = testSteps;
    this.seed = seed;
  }

  /** Length of every row. */
  public int time() {
    return task.length(testSteps);
  }

  /** Row {@code index} of training; the last problem is cut off where the row ends. */
  public Problem training(long index) {
    var draws = new Draws(seed, TRAINING + (index << 40));
    var tokens = new int[time()];
    var answers = new int[time()];
    for (int filled = 0; filled < tokens.length; ) {
      var problem = task.draw(draws, 1 + draws.below(trainedSteps));
      int count = Math.min(problem.tokens().length, tokens.length - filled);
      System.arraycopy(problem.tokens(), 0, tokens, filled, count);
      System.arraycopy(problem.answers(), 0, answers, filled, count);
      filled += count;
    }
    return new Problem(tokens, answers);
  }

  /** Row {@code index} of the test. */
  public Problem test(long index) {
    return task.draw(new Draws(seed, TEST + (index << 40)), testSteps);
  }

  /** The first {@code rows} tests one after another. */
  Problem tests(int rows) {
    return joined(rows, this::test);
  }

  /** A batch of training rows from {@code first} on, one after another. */
  Problem batch(long first, int rows) {
    return joined(rows, i -> training(first + i));
  }

  private Problem joined(int rows, java.util.function.LongFunction<Problem> row) {
    int time = time();
    var tokens = new int[rows * time];
    var answers = new int[rows * time];
    Arrays.fill(answers, Problem.NONE);
    for (int i = 0; i < rows; i++) {
      var problem = row.apply(i);
      System.arraycopy(problem.tokens(), 0, tokens, i * time, time);
      System.arraycopy(problem.answers(), 0, answers, i * time, time);
    }
    return new Problem(tokens, answers);
  }
}
