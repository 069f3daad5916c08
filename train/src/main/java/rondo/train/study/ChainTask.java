package rondo.train.study;

/**
 * A family of problems of iterated reasoning: a start, then steps, each of which changes the answer
 * so far. The answer after every step is asked for, and each needs the one before it, so a model
 * that resolves one step per recurrence needs as many recurrences as steps.
 */
public sealed interface ChainTask permits ShellGame, RunningSum, PointerChase {
  /** Number of different tokens. */
  int vocabulary();

  /** Tokens before the first step, the start among them. */
  int opening();

  /** Number of different answers: one in so many is right by chance. */
  int answers();

  /** Draws a problem of this many steps. */
  Problem draw(Draws draws, int steps);

  /** Tokens of a problem of this many steps. */
  default int length(int steps) {
    return opening() + steps;
  }
}
