package rondo.train.study;

/**
 * The sum so far, modulo {@code modulus}, of a start and the numbers after it.
 *
 * <p>Tokens: 0 … modulus-1 the numbers and the answers; modulus … 2·modulus-1 the start.
 */
public record RunningSum(int modulus) implements ChainTask {
  public RunningSum {
    if (modulus < 2) {
      throw new IllegalArgumentException(
          "running sum: modulus " + modulus + ", expected 2 or more");
    }
  }

  @Override
  public int vocabulary() {
    return 2 * modulus;
  }

  @Override
  public int opening() {
    return 1;
  }

  @Override
  public int answers() {
    return modulus;
  }

  @Override
  public Problem draw(Draws draws, int steps) {
    var tokens = new int[length(steps)];
    var answers = new int[length(steps)];
    int sum = draws.below(modulus);
    tokens[0] = modulus + sum;
    answers[0] = sum;
    for (int i = 1; i <= steps; i++) {
      tokens[i] = draws.below(modulus);
      sum = (sum + tokens[i]) % modulus;
      answers[i] = sum;
    }
    return new Problem(tokens, answers);
  }
}
