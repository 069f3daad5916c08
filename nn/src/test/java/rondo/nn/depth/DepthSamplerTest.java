package rondo.nn.depth;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/** Moments of the published recurrence sampler (spec B.1, two million draws of the original). */
class DepthSamplerTest {
  private static final long SEED = Long.getLong("rondo.seed", 20_260_105L);
  private static final int DRAWS = 200_000;

  private static Depth[] draws(int mean, int backprop) {
    System.out.println("depths: -Drondo.seed=" + SEED);
    return IntStream.range(0, DRAWS)
        .mapToObj(i -> DepthSampler.LOGNORMAL_POISSON.draw(mean, backprop, SEED, i))
        .toArray(Depth[]::new);
  }

  private static double mean(Depth[] draws, java.util.function.ToIntFunction<Depth> what) {
    return Arrays.stream(draws).mapToInt(what).average().orElseThrow();
  }

  @Test
  void meanThirtyTwoHasThePublishedMoments() {
    var draws = draws(32, 8);
    // The deviation of the total is about 18, so a standard error is 0.04.
    assertEquals(33, mean(draws, Depth::total), 0.2);
    assertEquals(25.0, mean(draws, Depth::frozen), 0.2);
    assertEquals(7.98, mean(draws, Depth::tracked), 0.01);
    double shallow = Arrays.stream(draws).filter(d -> d.tracked() < 8).count() / (double) DRAWS;
    assertEquals(0.0087, shallow, 0.001);
    var totals = Arrays.stream(draws).mapToInt(Depth::total).sorted().toArray();
    assertEquals(29, totals[DRAWS / 2], "median");
    assertPercentile(totals, 1, 8, 1);
    assertPercentile(totals, 5, 12, 1);
    assertPercentile(totals, 25, 20, 1);
    assertPercentile(totals, 75, 41, 1);
    assertPercentile(totals, 95, 67, 1);
    assertPercentile(totals, 99, 94, 2);
    assertPercentile(totals, 99.9, 137, 8);
    var counts = new int[400];
    Arrays.stream(totals).filter(r -> r < 400).forEach(r -> counts[r]++);
    int mode = IntStream.range(0, 400).reduce(0, (a, b) -> counts[b] > counts[a] ? b : a);
    assertTrue(mode >= 21 && mode <= 26, "mode " + mode);
  }

  private static void assertPercentile(int[] sorted, double percent, int expected, int within) {
    int actual = sorted[(int) (percent / 100 * sorted.length)];
    assertEquals(expected, actual, within, percent + " %");
  }

  @Test
  void smallerMeansHaveThePublishedMoments() {
    assertEquals(17, mean(draws(16, 8), Depth::total), 0.1);
    assertEquals(7.74, mean(draws(16, 8), Depth::tracked), 0.02);
    assertEquals(9, mean(draws(8, 8), Depth::total), 0.06);
    assertEquals(6.62, mean(draws(8, 8), Depth::tracked), 0.02);
    assertEquals(5, mean(draws(4, 4), Depth::total), 0.04);
    assertEquals(3.41, mean(draws(4, 4), Depth::tracked), 0.02);
    assertEquals(2, mean(draws(1, 1), Depth::total), 0.02);
    assertEquals(1, mean(draws(1, 1), Depth::tracked));
  }

  /** Where e^-rate is no longer a normal number. */
  @Test
  void largeMeansHaveTheirMomentsToo() {
    int draws = 20_000;
    double[] totals =
        IntStream.range(0, draws)
            .mapToDouble(i -> DepthSampler.LOGNORMAL_POISSON.draw(1000, 8, SEED, i).total())
            .toArray();
    double mean = Arrays.stream(totals).average().orElseThrow();
    double variance =
        Arrays.stream(totals).map(r -> (r - mean) * (r - mean)).average().orElseThrow();
    // Var = mean + mean²·(e^σ² − 1); four standard errors of the mean are 15.
    double deviation = Math.sqrt(1000 + 1e6 * Math.expm1(0.25));
    assertEquals(1001, mean, 15);
    assertEquals(deviation, Math.sqrt(variance), 0.06 * deviation);
    Arrays.sort(totals);
    assertEquals(Math.exp(Math.log(1000) - 0.125), totals[draws / 2], 25, "median");
  }

  @Test
  void noMoreIsTrackedThanTheMean() {
    for (var depth : draws(3, 8)) {
      assertTrue(depth.tracked() <= 3, depth.toString());
    }
  }

  @Test
  void aDrawDependsOnSeedAndIndexAlone() {
    var sampler = DepthSampler.LOGNORMAL_POISSON;
    assertEquals(sampler.draw(32, 8, 7, 1234), sampler.draw(32, 8, 7, 1234));
    long same =
        IntStream.range(0, 1000)
            .filter(i -> sampler.draw(32, 8, 7, i).equals(sampler.draw(32, 8, 8, i)))
            .count();
    assertTrue(same < 100, same + " of 1000 draws are the same for two seeds");
  }

  @Test
  void neighbouringDrawsAreUncorrelated() {
    var draws = draws(32, 8);
    double mean = mean(draws, Depth::total);
    double variance = 0;
    double covariance = 0;
    for (int i = 1; i < DRAWS; i++) {
      variance += Math.pow(draws[i].total() - mean, 2);
      covariance += (draws[i].total() - mean) * (draws[i - 1].total() - mean);
    }
    assertEquals(0, covariance / variance, 5 / Math.sqrt(DRAWS));
  }

  @Test
  void aFixedDepthIsTheMeanItself() {
    assertEquals(new Depth(24, 8), DepthSampler.FIXED.draw(32, 8, 1, 2));
    assertEquals(new Depth(0, 3), DepthSampler.FIXED.draw(3, 8, 1, 2));
  }

  @Test
  void aDepthTracksAtLeastOneRecurrence() {
    assertThrows(IllegalArgumentException.class, () -> new Depth(3, 0));
    assertThrows(IllegalArgumentException.class, () -> new Depth(-1, 2));
    assertEquals(5, new Depth(3, 2).total());
  }

  @ParameterizedTest
  @CsvSource({
    // mean and backprop, then the means of n and of k by their formulas
    "fixed, 32, 8, 24, 8",
    "non-recurrent, 32, 8, 0, 1",
    "full, 32, 8, 0, 8.5",
    "simple, 32, 8, 23.5, 8.5",
    "poisson-fill, 32, 8, 24, 8",
    "poisson-unbounded, 32, 8, 24, 8.5",
    "poisson-lognormal, 32, 8, 24, 8.5",
    "poisson-lognormal-fill, 32, 8, 24, 8",
    "negative-binomial, 32, 8, 24, 8.5",
    "geometric, 32, 8, 24, 8.5",
    "sobol, 32, 8, 23.5, 8.5",
    "simple, 8, 8, 0, 8.5",
    "geometric, 8, 8, 0, 8.5"
  })
  void everySchemeHasTheMeansOfItsFormula(
      String name, int mean, int backprop, double frozen, double tracked) {
    var sampler = DepthSampler.named(name).orElseThrow();
    var draws =
        IntStream.range(0, DRAWS)
            .mapToObj(i -> sampler.draw(mean, backprop, SEED, i))
            .toArray(Depth[]::new);
    // The widest deviation, of the geometric n, is 24: five standard errors are 0.27.
    assertEquals(frozen, mean(draws, Depth::frozen), 0.27);
    assertEquals(tracked, mean(draws, Depth::tracked), 0.06);
  }

  @Test
  void theNegativeBinomialHasTwiceThePoissonsVariance() {
    var negative = DepthSampler.named("negative-binomial").orElseThrow();
    double[] n =
        IntStream.range(0, DRAWS)
            .mapToDouble(i -> negative.draw(32, 8, SEED, i).frozen())
            .toArray();
    double mean = Arrays.stream(n).average().orElseThrow();
    double variance = Arrays.stream(n).map(x -> (x - mean) * (x - mean)).average().orElseThrow();
    assertEquals(48, variance, 1);
  }

  /** Over every mean up to 12 and every rise of backprop from any least to 10. */
  @ParameterizedTest
  @EnumSource(DepthScheme.class)
  void noDrawOfAScheduleTracksMoreThanItSaysOrLessThanOne(DepthScheme scheme) {
    for (long ramp : new long[] {0, 300}) {
      var sampler = new DepthSampler(scheme, ramp);
      for (int least = 1; least <= 10; least++) {
        int most = sampler.mostTracked(12, least, 10);
        for (int mean = 1; mean <= 12; mean++) {
          for (int backprop = least; backprop <= 10; backprop++) {
            for (int i = 0; i < 400; i++) {
              var depth = sampler.draw(mean, backprop, SEED, i);
              assertTrue(depth.tracked() >= 1 && depth.tracked() <= most, depth + " of " + most);
              assertTrue(depth.frozen() >= 0, depth.toString());
              assertEquals(depth, sampler.draw(mean, backprop, SEED, i));
            }
          }
        }
      }
    }
  }

  /** While backprop rises from 1 gupta tracks more than at its peak: the bound is attained. */
  @Test
  void theMostThatGuptaTracksIsThatOfTheLeastBackprop() {
    var gupta = DepthSampler.named("gupta").orElseThrow();
    assertEquals(25, gupta.mostTracked(32, 8, 8));
    assertEquals(32, gupta.mostTracked(32, 1, 8));
    int deepest =
        IntStream.range(0, 20_000).map(i -> gupta.draw(4, 1, SEED, i).tracked()).max().orElse(0);
    assertTrue(deepest > gupta.mostTracked(4, 4, 4), "deepest " + deepest);
  }

  /** t = ⌈i/N·(mean − s)⌉ and s = max(⌈i/N·s⌉, 1) for micro-batch i = 1 … N (spec B.1). */
  @Test
  void aRampGrowsTheTargetByItsFormula() {
    var sampler = DepthSampler.named("fixed-curriculum-10").orElseThrow();
    for (int i = 1; i <= 15; i++) {
      double part = Math.min(i / 10.0, 1);
      // Whole numbers times tenths: what is exact in decimals must not be rounded up.
      int t = (int) Math.ceil(Math.rint(part * 24 * 1e6) / 1e6);
      int s = Math.max((int) Math.ceil(Math.rint(part * 8 * 1e6) / 1e6), 1);
      assertEquals(new Depth(t, s), sampler.target(32, 8, i - 1), "micro-batch " + i);
      assertEquals(new Depth(t, s), sampler.draw(32, 8, SEED, i - 1));
    }
    assertEquals(new Depth(3, 1), sampler.target(32, 8, 0));
    assertEquals(new Depth(8, 3), sampler.target(32, 8, 2));
    assertEquals(new Depth(0, 1), sampler.target(1, 8, 0), "nothing frozen stays so");
    // It draws by the scheme: after the ramp the same depths.
    var ramped = DepthSampler.named("poisson-unbounded-curriculum-100").orElseThrow();
    var plain = DepthSampler.named("poisson-unbounded").orElseThrow();
    assertEquals(plain.draw(32, 8, SEED, 100), ramped.draw(32, 8, SEED, 100));
    assertEquals("poisson-unbounded-curriculum-100", ramped.toString());
    for (var wrong : List.of("fixed-curriculum-0", "fixed-curriculum-", "curriculum-10", "")) {
      assertTrue(DepthSampler.named(wrong).isEmpty(), wrong);
    }
  }

  @ParameterizedTest
  @EnumSource(DepthScheme.class)
  void theExpectedDepthIsTheMeanOfTheDraws(DepthScheme scheme) {
    for (int[] shape : new int[][] {{1, 1}, {4, 8}, {9, 8}, {32, 8}}) {
      var sampler = new DepthSampler(scheme, 0);
      var expected = ExpectedDepth.of(scheme, sampler.target(shape[0], shape[1], 0));
      var draws =
          IntStream.range(0, DRAWS)
              .mapToObj(i -> sampler.draw(shape[0], shape[1], SEED, i))
              .toArray(Depth[]::new);
      // Five standard errors of the widest, the geometric n; of what is drawn, of both means.
      assertEquals(mean(draws, Depth::frozen), expected.frozen(), 0.01 * shape[0] + 0.01);
      assertEquals(mean(draws, Depth::tracked), expected.tracked(), 0.06);
    }
  }

  /** Any 64 points in a row, from a multiple of 64 on, fall into the 8 × 8 boxes one each. */
  @Test
  void sobolPointsFillTheSquareEvenly() {
    for (int start : new int[] {0, 64, 4096}) {
      var seen = new java.util.HashSet<Integer>();
      for (int i = start; i < start + 64; i++) {
        var u = new Draws(SEED, i);
        seen.add(((int) (8 * u.sobol(0))) * 8 + (int) (8 * u.sobol(1)));
      }
      assertEquals(64, seen.size());
    }
  }

  @Test
  void anUnknownSchemeIsNone() {
    assertTrue(DepthSampler.named("poison").isEmpty());
    assertTrue(DepthSampler.names().contains("poisson-fill"), DepthSampler.names());
  }
}
