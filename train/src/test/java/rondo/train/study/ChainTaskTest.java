package rondo.train.study;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.HashSet;
import java.util.List;
import org.junit.jupiter.api.Test;

class ChainTaskTest {
  private static final List<ChainTask> TASKS =
      List.of(new ShellGame(5), new ShellGame(2), new RunningSum(10), new PointerChase(8));

  @Test
  void everyAnswerOfTheShellGameIsWhereTheBallIsWhenTheCupsAreReallySwapped() {
    var game = new ShellGame(5);
    var pairs = new int[game.vocabulary()][];
    for (int low = 0; low < 5; low++) {
      for (int high = low + 1; high < 5; high++) {
        pairs[game.swap(low, high)] = new int[] {low, high};
      }
    }
    assertEquals(15, pairs.length);
    for (int n = 0; n < 200; n++) {
      var p = game.draw(new Draws(7, n), 31);
      var cups = new ArrayList<>(Collections.nCopies(5, false));
      cups.set(p.tokens()[0], true);
      for (int i = 0; i < p.tokens().length; i++) {
        if (i > 0) {
          int[] pair = pairs[p.tokens()[i]];
          Collections.swap(cups, pair[0], pair[1]);
        }
        assertEquals(cups.indexOf(true), p.answers()[i]);
      }
    }
  }

  @Test
  void everyAnswerOfTheRunningSumIsTheWholeSumTakenAnew() {
    for (int n = 0; n < 200; n++) {
      var p = new RunningSum(10).draw(new Draws(7, n), 31);
      for (int i = 0; i < p.tokens().length; i++) {
        int sum = Arrays.stream(p.tokens(), 1, i + 1).sum() + p.tokens()[0] - 10;
        assertEquals(sum % 10, p.answers()[i]);
      }
    }
  }

  @Test
  void everyAnswerOfThePointerChaseFollowsThePairsInTheContext() {
    for (int n = 0; n < 200; n++) {
      var p = new PointerChase(8).draw(new Draws(7, n), 15);
      var next = new int[8];
      for (int i = 0; i < 16; i += 2) {
        assertEquals(Problem.NONE, p.answers()[i]);
        assertEquals(Problem.NONE, p.answers()[i + 1]);
        next[p.tokens()[i] - 8] = p.tokens()[i + 1];
      }
      assertEquals(8, Arrays.stream(next).distinct().count());
      int node = p.tokens()[16] - 16;
      for (int steps = 0; steps <= 15; steps++) {
        assertEquals(node, p.answers()[16 + steps]);
        node = next[node];
      }
    }
  }

  @Test
  void tokensAndAnswersStayInTheirRanges() {
    for (var task : TASKS) {
      var seen = new HashSet<Integer>();
      for (int n = 0; n < 500; n++) {
        var p = task.draw(new Draws(3, n), 9);
        assertEquals(task.length(9), p.tokens().length);
        for (int token : p.tokens()) {
          assertTrue(token >= 0 && token < task.vocabulary(), task::toString);
          seen.add(token);
        }
        for (int answer : p.answers()) {
          assertTrue(answer == Problem.NONE || (answer >= 0 && answer < task.answers()));
        }
      }
      assertEquals(task.vocabulary(), seen.size(), task::toString);
    }
  }

  @Test
  void noTrainingProblemHasMoreStepsThanTheLimit() {
    var rows = new ProblemRows(new ShellGame(5), 8, 31, 1);
    var lengths = new HashSet<Integer>();
    for (int n = 0; n < 500; n++) {
      var p = rows.training(n);
      assertEquals(32, p.tokens().length);
      assertTrue(p.tokens()[0] < 5, "a row begins with a start");
      int steps = 0;
      for (int token : p.tokens()) {
        if (token < 5) {
          lengths.add(steps);
        }
        steps = token < 5 ? 0 : steps + 1;
        assertTrue(steps <= 8);
      }
    }
    assertTrue(lengths.contains(8) && lengths.contains(1));
  }

  @Test
  void aTestRowIsOneProblemThatFillsIt() {
    var p = new ProblemRows(new ShellGame(5), 8, 31, 1).test(0);
    assertEquals(32, p.tokens().length);
    assertTrue(Arrays.stream(p.tokens(), 1, 32).allMatch(token -> token >= 5));
  }

  @Test
  void rowsAreAFunctionOfSeedAndIndexAndTestsAreNoTrainingRows() {
    var rows = new ProblemRows(new RunningSum(10), 8, 31, 1);
    var again = new ProblemRows(new RunningSum(10), 8, 31, 1);
    var other = new ProblemRows(new RunningSum(10), 8, 31, 2);
    var training = new HashSet<List<Integer>>();
    for (int n = 0; n < 500; n++) {
      assertArrayEquals(rows.training(n).tokens(), again.training(n).tokens());
      training.add(boxed(rows.training(n).tokens()));
    }
    assertEquals(500, training.size());
    assertNotEquals(boxed(rows.test(0).tokens()), boxed(other.test(0).tokens()));
    for (int n = 0; n < 500; n++) {
      assertTrue(!training.contains(boxed(rows.test(n).tokens())));
    }
    assertArrayEquals(rows.training(5).tokens(), Arrays.copyOf(rows.batch(5, 2).tokens(), 32));
    assertArrayEquals(rows.test(1).answers(), Arrays.copyOfRange(rows.tests(2).answers(), 32, 64));
  }

  @Test
  void limitsThatCannotBeAreRefused() {
    assertThrows(IllegalArgumentException.class, () -> new ShellGame(1));
    assertThrows(IllegalArgumentException.class, () -> new ProblemRows(new ShellGame(5), 9, 8, 1));
  }

  private static List<Integer> boxed(int[] values) {
    return Arrays.stream(values).boxed().toList();
  }
}
