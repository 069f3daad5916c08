package rondo.nn.checkpoint;

import java.util.List;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/**
 * A published model.
 *
 * @param name what the command line calls it
 * @param repository on the Hugging Face hub
 */
public record Published(String name, String repository, ModelConfig config) {
  private static final Published HUGINN =
      new Published(
          "huginn",
          "tomg-group-umd/huginn-0125",
          new RecurrentConfig(
              new BlockConfig(
                  BlockKind.HUGINN, 5280, 55, 55, 96, 17920, 1e-6, new Rope(50000, true, null)),
              2,
              4,
              2,
              65536,
              4096,
              true,
              InitValues.huginn(5280, 132),
              32,
              8,
              TokenIds.HUGINN,
              "float32",
              null));

  private static final Published TINYLLAMA =
      new Published(
          "tinyllama",
          "TinyLlama/TinyLlama-1.1B-intermediate-step-1431k-3T",
          new BaseConfig(
              new BlockConfig(
                  BlockKind.LLAMA, 2048, 32, 4, 64, 5632, 1e-5, new Rope(10000, false, null)),
              22,
              32000,
              2048,
              false,
              TokenIds.LLAMA2,
              "float32"));

  private static final Published LLAMA32 =
      new Published(
          "llama3.2",
          "meta-llama/Llama-3.2-1B",
          new BaseConfig(
              new BlockConfig(
                  BlockKind.LLAMA,
                  2048,
                  32,
                  8,
                  64,
                  8192,
                  1e-5,
                  new Rope(500000, false, new Llama3Scaling(32, 1, 4, 8192))),
              16,
              128256,
              131072,
              true,
              TokenIds.LLAMA3,
              "bfloat16"));

  private static final Published OLMO2 =
      new Published(
          "olmo2",
          "allenai/OLMo-2-0425-1B",
          new BaseConfig(
              new BlockConfig(
                  BlockKind.OLMO2, 2048, 16, 16, 128, 8192, 1e-6, new Rope(500000, false, null)),
              16,
              100352,
              4096,
              false,
              TokenIds.OLMO2,
              "float32"));

  private static final List<Published> ALL =
      List.of(
          HUGINN,
          TINYLLAMA,
          LLAMA32,
          OLMO2,
          retrofit(
              "tinyllama-4-8-4",
              "smcleish/Recurrent-TinyLlama-3T-untrained",
              TINYLLAMA,
              new Surgery(range(0, 3), range(10, 17), range(18, 21))),
          retrofit(
              "llama3.2-4-6-4",
              "smcleish/Recurrent-Llama-3.2-untrained",
              LLAMA32,
              new Surgery(range(0, 3), range(6, 11), range(12, 15))),
          retrofit(
              "llama3.2-2-4-2",
              "smcleish/Recurrent-Llama-3.2-2-4-2-untrained",
              LLAMA32,
              new Surgery(range(0, 1), range(10, 13), range(14, 15))),
          retrofit(
              "olmo2-4-6-4",
              "smcleish/Recurrent-OLMo-2-0425-untrained",
              OLMO2,
              new Surgery(range(0, 3), range(6, 11), range(12, 15))));

  /** Every published model: Huginn, the bases, the retrofits. */
  public static List<Published> all() {
    return ALL;
  }

  /**
   * The model of that name.
   *
   * @throws IllegalArgumentException with the nearest name
   */
  public static Published named(String name) {
    for (Published model : ALL) {
      if (model.name.equals(name)) {
        return model;
      }
    }
    List<String> names = ALL.stream().map(Published::name).toList();
    throw new IllegalArgumentException(
        CheckpointException.oneLine(
            "no published model '%s'; the nearest is '%s' of %s"
                .formatted(name, Nearest.name(name, names), String.join(", ", names))));
  }

  /**
   * The paper's surgery for a known fixed-depth model, recognised by its shape, or null. Of
   * Llama-3.2's two it is the later one, 4-6-4.
   */
  public static @Nullable Surgery surgeryOf(BaseConfig base) {
    for (Published model : ALL) {
      if (model.config instanceof BaseConfig known && sameShape(known, base)) {
        for (Published retrofit : ALL) {
          if (retrofit.config instanceof RecurrentConfig recurrent
              && recurrent.origin() != null
              && recurrent.origin().source().equals(model.repository)) {
            return recurrent.origin().surgery();
          }
        }
      }
    }
    return null;
  }

  private static boolean sameShape(BaseConfig a, BaseConfig b) {
    return a.layers() == b.layers()
        && a.vocabulary() == b.vocabulary()
        && a.block().kind() == b.block().kind()
        && a.block().width() == b.block().width()
        && a.block().hidden() == b.block().hidden();
  }

  private static Published retrofit(
      String name, String repository, Published base, Surgery surgery) {
    return new Published(
        name,
        repository,
        RecurrentConfig.retrofit((BaseConfig) base.config, surgery, base.repository, "kaiming"));
  }

  private static List<Integer> range(int first, int last) {
    return IntStream.rangeClosed(first, last).boxed().toList();
  }
}
