package rondo.optim;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** Learning-rate schedules and recurrence curricula. */
class ScheduleTest {
  private static final Pattern WSD =
      Pattern.compile(
          "\"warmup\":\\s*(\\d+),\\s*\"total\":\\s*(\\d+),\\s*\"decay\":\\s*(\\d+),"
              + "\\s*\"min_ratio\":\\s*([0-9.e-]+),"
              + "\\s*\"values\":\\s*\\[([^\\]]*)\\],\\s*\"every\":\\s*(\\d+)");

  private static final Pattern CURRICULUM =
      Pattern.compile(
          "\"curve\":\\s*\"([a-z0-9-]+)\",\\s*\"warmup\":\\s*(\\d+),\\s*\"total\":\\s*(\\d+),"
              + "\\s*\"peak\":\\s*(\\d+),"
              + "\\s*\"values\":\\s*\\[([^\\]]*)\\],\\s*\"every\":\\s*(\\d+)");

  private static double[] values(Matcher found, int group) {
    return Stream.of(found.group(group).split(",", -1))
        .mapToDouble(v -> Double.parseDouble(v.strip()))
        .toArray();
  }

  private static long number(Matcher found, int group) {
    return Long.parseLong(found.group(group));
  }

  @Test
  void factorsAreTheGoldenOnes() {
    var found = WSD.matcher(GoldenFile.open().json());
    int cases = 0;
    for (; found.find(); cases++) {
      var schedule =
          new Schedule(
              number(found, 2),
              number(found, 1),
              number(found, 3),
              Curve.COSINE,
              Double.parseDouble(found.group(4)));
      var values = values(found, 5);
      for (int i = 0; i < values.length; i++) {
        long step = i * number(found, 6);
        assertEquals(values[i], schedule.factor(step), 1e-12, "step " + step);
      }
    }
    assertTrue(cases > 0, "the file holds schedules");
  }

  @Test
  void curriculaAreTheGoldenOnes() {
    var found = CURRICULUM.matcher(GoldenFile.open().json());
    int cases = 0;
    for (; found.find(); cases++) {
      var curve =
          switch (found.group(1)) {
            case "linear" -> Curve.LINEAR;
            case "1-sqrt" -> Curve.ONE_MINUS_SQRT;
            default -> throw new AssertionError(found.group(1));
          };
      var curriculum = new Curriculum((int) number(found, 4), number(found, 2), curve);
      var values = values(found, 5);
      for (int i = 0; i < values.length; i++) {
        long step = i * number(found, 6);
        assertEquals(values[i], curriculum.mean(step), "step " + step);
      }
    }
    assertTrue(cases >= 2, "the file holds curricula");
  }

  /** Spec B.4.3: steps at which the 1-sqrt curriculum to 32 over 37 500 steps has reached r. */
  @Test
  void publishedCurriculaReachTheirDepthsAtThePublishedSteps() {
    var to32 = new Curriculum(32, 37_500, Curve.ONE_MINUS_SQRT);
    assertReaches(to32, 2, 2308);
    assertReaches(to32, 4, 6702);
    assertReaches(to32, 8, 14_612);
    assertReaches(to32, 16, 26_917);
    assertReaches(to32, 24, 34_534);
    assertReaches(to32, 32, 37_464);
    var linear = new Curriculum(4, 6250, Curve.LINEAR);
    assertReaches(linear, 2, 1563);
    assertReaches(linear, 3, 3126);
    assertReaches(linear, 4, 4688);
  }

  private static void assertReaches(Curriculum curriculum, int depth, long step) {
    assertEquals(depth - 1, curriculum.mean(step - 1), "before step " + step);
    assertEquals(depth, curriculum.mean(step), "at step " + step);
  }

  /** Values of the formula by hand: peak 8 over ten steps, from 3 and from 1. */
  @Test
  void backpropRisesFromItsStartToItsPeak() {
    var from3 = new BackpropSchedule(3, 8, 10, Curve.LINEAR);
    int[] expected = {3, 4, 4, 5, 5, 6, 7, 7, 8, 8, 8};
    for (int t = 0; t < expected.length; t++) {
      assertEquals(expected[t], from3.most(t), "step " + t);
    }
    var from1 = new BackpropSchedule(1, 8, 10, Curve.ONE_MINUS_SQRT);
    assertEquals(2, from1.most(0));
    assertEquals(8, from1.most(9));
    assertEquals(2, from1.least());
    var from2 = new BackpropSchedule(2, 8, 10, Curve.ONE_MINUS_SQRT);
    for (int t = 0; t < 12; t++) {
      assertEquals(from2.most(t), from1.most(t), "step " + t);
      assertTrue(from3.most(t) >= from3.least(), "step " + t);
    }
    assertEquals(3, from3.least());
    assertEquals(4, new BackpropSchedule(3, 8, 3, Curve.LINEAR).least(), "a short rise");
    assertEquals(6, BackpropSchedule.none(6).most(0));
    assertEquals(6, BackpropSchedule.none(6).least());
    assertThrows(
        IllegalArgumentException.class, () -> new BackpropSchedule(9, 8, 10, Curve.LINEAR));
  }

  @Test
  void scheduleHasItsThreePhases() {
    var linear = new Schedule(100, 10, 20, Curve.LINEAR, 0.1);
    assertEquals(0.1, linear.factor(0), 1e-15);
    assertEquals(0.55, linear.factor(5), 1e-15);
    assertEquals(1, linear.factor(10));
    assertEquals(1, linear.factor(79));
    assertEquals(1, linear.factor(80), 1e-15);
    assertEquals(0.55, linear.factor(90), 1e-15);
    assertEquals(0.1, linear.factor(100), 1e-15);
    assertEquals(0.1, linear.factor(1000), 1e-15);
    var cosine = new Schedule(100, 0, 50, Curve.COSINE, 0);
    assertEquals(1, cosine.factor(0));
    assertEquals(0.5, cosine.factor(75), 1e-15);
    assertEquals(0, cosine.factor(100), 1e-15);
    var constant = new Schedule(100, 10, 0, Curve.CONSTANT, 0);
    assertEquals(0, constant.factor(0));
    assertEquals(1, constant.factor(99));
    assertEquals(1, constant.factor(500));
  }

  @Test
  void curriculumStartsAtOneAndEndsAtItsPeak() {
    var ramp = new Curriculum(8, 10, Curve.LINEAR);
    assertEquals(1, ramp.mean(0));
    assertEquals(8, ramp.mean(9));
    assertEquals(8, ramp.mean(10));
    assertEquals(8, ramp.mean(1_000_000));
    assertEquals(5, Curriculum.none(5).mean(0));
    assertEquals(5, Curriculum.none(5).mean(77));
  }

  private static void assertRefused(String part, org.junit.jupiter.api.function.Executable call) {
    var message = String.valueOf(assertThrows(IllegalArgumentException.class, call).getMessage());
    assertEquals(1, message.lines().count(), message);
    assertTrue(message.contains(part), "'" + message + "' lacks '" + part + "'");
  }

  @Test
  void schedulesThatCannotBeAreRefusedInOneLine() {
    assertRefused(
        "warmup 60 and decay 50 must fit into 100 steps",
        () -> new Schedule(100, 60, 50, Curve.COSINE, 0));
    assertRefused("warmup -1", () -> new Schedule(100, -1, 50, Curve.COSINE, 0));
    assertRefused("decay -2", () -> new Schedule(100, 1, -2, Curve.COSINE, 0));
    assertRefused("min_ratio 1.5", () -> new Schedule(100, 1, 2, Curve.COSINE, 1.5));
    assertRefused("min_ratio -0.1", () -> new Schedule(100, 1, 2, Curve.COSINE, -0.1));
    assertRefused("min_ratio NaN", () -> new Schedule(100, 1, 2, Curve.COSINE, Double.NaN));
    assertRefused(
        "cosine, linear or constant", () -> new Schedule(100, 1, 2, Curve.ONE_MINUS_SQRT, 0));
    assertRefused("peak 0", () -> new Curriculum(0, 10, Curve.LINEAR));
    assertRefused("steps -1", () -> new Curriculum(4, -1, Curve.LINEAR));
    assertRefused("linear, 1-sqrt or none", () -> new Curriculum(4, 10, Curve.COSINE));
  }
}
