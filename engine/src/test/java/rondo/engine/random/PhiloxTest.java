package rondo.engine.random;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

@SuppressWarnings("FloatingPointLiteralPrecision") // Published digits.
class PhiloxTest {
  private static void assertBlock(long key, long high, long low, int... expected) {
    for (int lane = 0; lane < 4; lane++) {
      assertEquals(expected[lane], Philox.word(key, high, low, lane), "word " + lane);
    }
  }

  /** Known answers of Random123, kat_vectors, philox4x32 10. */
  @Test
  void blocksAreThePublishedOnes() {
    assertBlock(0, 0, 0, 0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8);
    assertBlock(-1, -1, -1, 0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd);
    long key = 0x299f31d0_a4093822L;
    long high = 0x03707344_13198a2eL;
    long low = 0x85a308d3_243f6a88L;
    assertBlock(key, high, low, 0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1);
  }

  @Test
  void fourIndicesShareABlock() {
    for (int i = 0; i < 12; i++) {
      assertEquals(Philox.word(5, 6, i / 4, i % 4), Philox.word(5, 6, i), "word " + i);
    }
  }

  @Test
  void uniformsFillTheUnitIntervalEvenly() {
    int count = 1 << 16;
    double sum = 0;
    double squares = 0;
    for (int i = 0; i < count; i++) {
      double u = Philox.uniform(3, 5, i);
      assertTrue(u >= 0 && u < 1, "u = " + u);
      sum += u;
      squares += u * u;
    }
    // Five standard errors.
    assertEquals(0.5, sum / count, 5 * Math.sqrt(1.0 / 12 / count));
    assertEquals(1.0 / 3, squares / count, 5 * Math.sqrt(4.0 / 45 / count));
  }

  @Test
  void differentKeysHighsAndIndicesGiveDifferentWords() {
    int word = Philox.word(1, 2, 3);
    assertTrue(word != Philox.word(2, 2, 3));
    assertTrue(word != Philox.word(1L << 32 | 1, 2, 3));
    assertTrue(word != Philox.word(1, 3, 3));
    assertTrue(word != Philox.word(1, 1L << 32 | 2, 3));
    assertTrue(word != Philox.word(1, 2, 7));
    assertTrue(word != Philox.word(1, 2, 1L << 34 | 3));
  }

  /** Digits of Abramowitz & Stegun, table 26.1 and 26.2, and of published tail values. */
  @Test
  void probabilitiesAreAccurateInBothTails() {
    assertEquals(0.5, Philox.normalProbability(0));
    assertEquals(0.841344746068542948585232545632, Philox.normalProbability(1), 2e-16);
    assertEquals(0.158655253931457051414767454368, Philox.normalProbability(-1), 1e-16);
    assertEquals(0.977249868051820792799717362833, Philox.normalProbability(2), 2e-16);
    double three = 0.00134989803163009452665181476759;
    assertEquals(three, Philox.normalProbability(-3), 1e-14 * three);
    double five = 2.86651571879193911673752332988e-7;
    assertEquals(five, Philox.normalProbability(-5), 1e-14 * five);
    double ten = 7.61985302416052606597337217018e-24;
    assertEquals(ten, Philox.normalProbability(-10), 1e-13 * ten);
    assertEquals(0, Philox.normalProbability(Double.NEGATIVE_INFINITY));
    assertEquals(1, Philox.normalProbability(Double.POSITIVE_INFINITY));
    // The two methods meet.
    double beyond = Philox.normalProbability(-3 - 1e-12);
    double within = Philox.normalProbability(-3 + 1e-12);
    assertEquals(within, beyond, 2e-14);
  }

  /** The check values of Wichura 1988. */
  @Test
  void quantilesAreThePublishedOnes() {
    assertEquals(-0.6744897501960817, Philox.normalQuantile(0.25), 1e-15);
    assertEquals(-3.090232306167814, Philox.normalQuantile(0.001), 1e-14);
    assertEquals(-9.262340089798408, Philox.normalQuantile(1e-20), 1e-14);
    assertEquals(0, Philox.normalQuantile(0.5));
    assertEquals(Double.NEGATIVE_INFINITY, Philox.normalQuantile(0));
    assertEquals(Double.POSITIVE_INFINITY, Philox.normalQuantile(1));
    assertTrue(Double.isNaN(Philox.normalQuantile(-0.1)));
    assertTrue(Double.isNaN(Philox.normalQuantile(Double.NaN)));
  }

  @Test
  void quantileInvertsProbability() {
    for (double x = -8; x <= 5; x += 0.0625) {
      double p = Philox.normalProbability(x);
      // What one rounding of p moves its quantile by.
      double allowed = 1e-14 + 2e-16 * p / Math.exp(-x * x / 2) * 2.51;
      assertEquals(x, Philox.normalQuantile(p), 10 * allowed, "x = " + x);
    }
  }

  @Test
  void truncatedNormalsStayWithinTheCut() {
    int count = 1 << 16;
    double sum = 0;
    double squares = 0;
    for (int i = 0; i < count; i++) {
      double z = Philox.truncatedNormal(1, 2, i, 2);
      assertTrue(Math.abs(z) <= 2, "z = " + z);
      sum += z;
      squares += z * z;
    }
    // 1 - 2 cut phi(cut) / (2 Phi(cut) - 1)
    double variance = 0.7737413;
    assertEquals(0, sum / count, 5 * Math.sqrt(variance / count));
    assertEquals(variance, squares / count, 5 * Math.sqrt(1.0 / count));
    assertThrows(IllegalArgumentException.class, () -> Philox.truncatedNormal(1, 2, 0, 0));
  }
}
