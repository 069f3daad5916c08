package rondo.nn.checkpoint;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class ParameterCountsTest {
  private static ParameterCounts counts(String name) {
    return ParameterCounts.of(Published.named(name).config());
  }

  /** Another cut of a published base: only the numbers of layers matter here. */
  static ParameterCounts cut(String base, int prelude, int core, int coda) {
    return ParameterCounts.of(
        RecurrentConfig.retrofit(
            (BaseConfig) Published.named(base).config(),
            new Surgery(
                IntStream.range(0, prelude).boxed().toList(),
                IntStream.range(prelude, prelude + core).boxed().toList(),
                IntStream.range(prelude + core, prelude + core + coda).boxed().toList()),
            base,
            null));
  }

  @Test
  void huginnHasItsPublishedCounts() {
    ParameterCounts huginn = counts("huginn");
    assertEquals(395_398_080, huginn.block());
    assertEquals(3_163_184_640L, huginn.blocks());
    assertEquals(1_581_592_320, huginn.core());
    assertEquals(346_030_080, huginn.embedding());
    assertEquals(0, huginn.head());
    assertEquals(55_756_800, huginn.adapter());
    assertEquals(5_280, huginn.finalNorm());
    assertEquals(3_564_976_800L, huginn.total());
    long table = 4096 * 48 * 2;
    assertEquals(3_911_400_096L, huginn.total() + huginn.embedding() + table, "stored elements");
  }

  @Test
  void retrofitsHaveTheirPublishedCounts() {
    ParameterCounts tinyllama = counts("tinyllama-4-8-4");
    assertEquals(44_044_288, tinyllama.block());
    assertEquals(704_708_608, tinyllama.blocks());
    assertEquals(131_072_000, tinyllama.embedding() + tinyllama.head());
    assertEquals(8_388_608, tinyllama.adapter());
    assertEquals(2_048, tinyllama.finalNorm());
    assertEquals(844_171_264, tinyllama.total());

    ParameterCounts llama = counts("llama3.2-4-6-4");
    assertEquals(60_821_504, llama.block());
    assertEquals(851_501_056, llama.blocks());
    assertEquals(525_336_576, llama.embedding() + llama.head());
    assertEquals(1_385_228_288, llama.total());

    ParameterCounts early = counts("llama3.2-2-4-2");
    assertEquals(486_572_032, early.blocks());
    assertEquals(1_020_299_264, early.total());

    ParameterCounts olmo = counts("olmo2-4-6-4");
    assertEquals(67_117_056, olmo.block());
    assertEquals(939_638_784, olmo.blocks());
    assertEquals(411_041_792, olmo.embedding() + olmo.head());
    assertEquals(1_359_071_232, olmo.total());
  }

  @Test
  void otherCutsOfTinyllamaHaveTheirPublishedCounts() {
    assertEquals(352_354_304, cut("tinyllama", 2, 4, 2).blocks());
    assertEquals(491_816_960, cut("tinyllama", 2, 4, 2).total());
    assertEquals(968_974_336, cut("tinyllama", 6, 10, 6).blocks());
    assertEquals(1_108_436_992, cut("tinyllama", 6, 10, 6).total());
    assertEquals(1_108_436_992, cut("tinyllama", 7, 8, 7).total());
  }

  @Test
  void basesHaveTheirPublishedCounts() {
    assertEquals(968_976_384, counts("tinyllama").nonEmbedding());
    assertEquals(973_146_112, counts("llama3.2").nonEmbedding());
    assertEquals(1_073_874_944, counts("olmo2").nonEmbedding());
    assertEquals(1_100_048_384, counts("tinyllama").total());
    assertEquals(1_235_814_400, counts("llama3.2").total());
    assertEquals(1_484_916_736, counts("olmo2").total());
  }

  @Test
  void effectiveParametersCountTheCoreOnceARecurrence() {
    ParameterCounts llama = counts("llama3.2-4-6-4");
    assertEquals(llama.blocks(), llama.effective(1));
    assertEquals((8 + 6 * 32) * 60_821_504L, llama.effective(32));
    assertEquals(968_974_336, counts("tinyllama").effective(9), "a fixed depth stays what it is");
  }
}
