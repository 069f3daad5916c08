package rondo.train.study;

/**
 * A ball lies under one of some cups; each step swaps two cups; where is the ball?
 *
 * <p>Tokens: 0 … cups-1 the ball's cup at the start, and the answers; then one token for each pair
 * of cups.
 */
public record ShellGame(int cups) implements ChainTask {
  public ShellGame {
    if (cups < 2) {
      throw new IllegalArgumentException("shell game: " + cups + " cups, expected 2 or more");
    }
  }

  @Override
  public int vocabulary() {
    return cups + cups * (cups - 1) / 2;
  }

  @Override
  public int opening() {
    return 1;
  }

  @Override
  public int answers() {
    return cups;
  }

  /** The token that swaps cups {@code low} and {@code high}, low &lt; high. */
  int swap(int low, int high) {
    return cups + high * (high - 1) / 2 + low;
  }

  @Override
  public Problem draw(Draws draws, int steps) {
    var tokens = new int[length(steps)];
    var answers = new int[length(steps)];
    int ball = draws.below(cups);
    tokens[0] = ball;
    answers[0] = ball;
    for (int i = 1; i <= steps; i++) {
      int a = draws.below(cups);
      int b = (a + 1 + draws.below(cups - 1)) % cups;
      tokens[i] = swap(Math.min(a, b), Math.max(a, b));
      if (ball == a) {
        ball = b;
      } else if (ball == b) {
        ball = a;
      }
      answers[i] = ball;
    }
    return new Problem(tokens, answers);
  }
}
