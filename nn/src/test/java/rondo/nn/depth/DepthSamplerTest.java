package rondo.nn.depth;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

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
}
