package rondo.nn.checkpoint;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static rondo.nn.checkpoint.PublishedFlops.Curve.LINEAR;
import static rondo.nn.checkpoint.PublishedFlops.Curve.ONE_MINUS_SQRT;

import java.util.Locale;
import org.junit.jupiter.api.Test;
import rondo.nn.checkpoint.PublishedFlops.Curve;

class PublishedFlopsTest {
  private static final double MEBI = 1 << 20;

  private static ParameterCounts counts(String name) {
    return ParameterCounts.of(Published.named(name).config());
  }

  /** Compares as many digits as were published. */
  private static void assertDigits(String published, double flops) {
    int digits = published.indexOf('e') - 2;
    assertEquals(
        published, String.format(Locale.ROOT, "%." + digits + "e", flops).replace("+", ""));
  }

  private static double run(
      ParameterCounts counts, long steps, int recurrences, Curve curve, long rise) {
    return PublishedFlops.recurrent(counts, steps, MEBI, recurrences, 8, curve, rise);
  }

  @Test
  void tinyllamaAtFiftyThousandSteps() {
    ParameterCounts counts = counts("tinyllama-4-8-4");
    assertDigits("3.7755e20", run(counts, 50_000, 4, ONE_MINUS_SQRT, 37_500));
    assertDigits("5.9751e20", run(counts, 50_000, 8, ONE_MINUS_SQRT, 37_500));
    assertDigits("8.4806e20", run(counts, 50_000, 16, ONE_MINUS_SQRT, 37_500));
    assertDigits("1.21775e21", run(counts, 50_000, 32, ONE_MINUS_SQRT, 37_500));
    assertDigits("3.0481e20", PublishedFlops.fixed(counts("tinyllama"), 50_000, MEBI));
  }

  @Test
  void llamaAtFortyEightOfFiftyThousandSteps() {
    ParameterCounts counts = counts("llama3.2-4-6-4");
    assertDigits("4.0480e20", run(counts, 48_000, 4, ONE_MINUS_SQRT, 37_500));
    assertDigits("6.1424e20", run(counts, 48_000, 8, ONE_MINUS_SQRT, 37_500));
    assertDigits("8.6149e20", run(counts, 48_000, 16, ONE_MINUS_SQRT, 37_500));
    assertDigits("1.21988e21", run(counts, 48_000, 32, ONE_MINUS_SQRT, 37_500));
    assertDigits("2.9388e20", PublishedFlops.fixed(counts("llama3.2"), 48_000, MEBI));
  }

  @Test
  void olmoAtFortyEightOfFiftyThousandSteps() {
    ParameterCounts counts = counts("olmo2-4-6-4");
    assertDigits("4.4670e20", run(counts, 48_000, 4, ONE_MINUS_SQRT, 37_500));
    assertDigits("6.7782e20", run(counts, 48_000, 8, ONE_MINUS_SQRT, 37_500));
    assertDigits("9.5066e20", run(counts, 48_000, 16, ONE_MINUS_SQRT, 37_500));
    assertDigits("1.34615e21", run(counts, 48_000, 32, ONE_MINUS_SQRT, 37_500));
    assertDigits("3.2430e20", PublishedFlops.fixed(counts("olmo2"), 48_000, MEBI));
  }

  @Test
  void onePhaseOfHealingAndItsStaticBaseline() {
    assertDigits("2.5632e20", run(counts("tinyllama-4-8-4"), 25_000, 4, LINEAR, 6_250));
    assertDigits("1.5241e20", PublishedFlops.fixed(counts("tinyllama"), 25_000, MEBI));
  }

  @Test
  void aLongRunWithoutCurriculum() {
    assertDigits("7.2858e20", run(counts("llama3.2-2-4-2"), 28_000, 32, LINEAR, 0));
  }

  @Test
  void theOtherRunsOfThePaper() {
    ParameterCounts tinyllama = counts("tinyllama-4-8-4");
    assertDigits("8.625e20", run(tinyllama, 25_000, 32, LINEAR, 6_250));
    assertDigits(
        "4.312e20", run(ParameterCountsTest.cut("tinyllama", 2, 4, 2), 25_000, 32, LINEAR, 6_250));
    assertDigits(
        "1.092e21", run(ParameterCountsTest.cut("tinyllama", 6, 10, 6), 25_000, 32, LINEAR, 6_250));
    assertDigits("4.295e20", run(tinyllama, 50_000, 4, LINEAR, 37_500));
    assertDigits("3.879e20", run(tinyllama, 50_000, 4, LINEAR, 50_000));
  }

  @Test
  void aRunThatStopsDuringTheRiseCountsOnlyItsSteps() {
    ParameterCounts counts = counts("tinyllama-4-8-4");
    assertEquals(10 * PublishedFlops.step(counts, MEBI, 1, 8), run(counts, 10, 32, LINEAR, 32_000));
    assertEquals(0, run(counts, 0, 32, LINEAR, 32_000));
  }

  @Test
  void onlyTheLastRecurrencesAreDifferentiated() {
    ParameterCounts counts = counts("tinyllama-4-8-4");
    double tracked = 6 * (double) counts.effective(8);
    assertEquals(tracked, PublishedFlops.step(counts, 1, 8, 8));
    assertEquals(tracked + 2.0 * counts.core() * 24, PublishedFlops.step(counts, 1, 32, 8));
  }
}
