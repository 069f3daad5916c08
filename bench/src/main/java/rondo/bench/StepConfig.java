package rondo.bench;

import java.util.List;
import rondo.engine.graph.DType;
import rondo.nn.checkpoint.BlockConfig;
import rondo.nn.checkpoint.BlockKind;
import rondo.nn.checkpoint.InitValues;
import rondo.nn.checkpoint.RecurrentConfig;
import rondo.nn.checkpoint.Rope;
import rondo.nn.checkpoint.TokenIds;
import rondo.nn.depth.Depth;
import rondo.nn.depth.Keep;
import rondo.optim.OptimizerConfig;

/** A training step to be measured: model, batch, depth and what recurrences keep. */
public record StepConfig(
    String name, RecurrentConfig model, int batch, int time, Depth depth, Keep keep) {

  /** Muon with five Newton-Schulz iterations in f32, AdamW on the rest. */
  public static final OptimizerConfig OPTIMIZER =
      new OptimizerConfig.MuonConfig(
          1e-3,
          0.01,
          0.95,
          5,
          DType.F32,
          new OptimizerConfig.AdamWConfig(1e-4, 0.9, 0.95, 1e-8, 0.01));

  /** Gradients are clipped to this norm. */
  public static final double CLIP = 1;

  /** The quickstart's model and batch, at two depths. */
  public static List<StepConfig> quickstart() {
    return List.of(
        quickstart(0, Keep.ALL),
        quickstart(0, Keep.STATE),
        quickstart(4, Keep.ALL),
        quickstart(4, Keep.STATE));
  }

  /** The quickstart's model with some frozen and four tracked recurrences. */
  public static StepConfig quickstart(int frozen, Keep keep) {
    return of("quickstart", false, 16, frozen, keep);
  }

  /** The same model with a tied head and half the batch: 1.05 million parameters. */
  public static StepConfig tied() {
    return of("tied", true, 8, 4, Keep.ALL);
  }

  private static StepConfig of(String name, boolean tied, int batch, int frozen, Keep keep) {
    var rope = new Rope(10_000, false, null);
    var block = new BlockConfig(BlockKind.LLAMA, 128, 4, 2, 32, 384, 1e-5, rope);
    int time = 256;
    var depth = new Depth(frozen, 4);
    var init = InitValues.retrofit(2 + 3L * depth.total());
    var model =
        new RecurrentConfig(
            block,
            1,
            3,
            1,
            258,
            time,
            tied,
            init,
            depth.total(),
            depth.tracked(),
            TokenIds.NONE,
            "float32",
            null);
    return new StepConfig(name, model, batch, time, depth, keep);
  }

  /** Tokens that one step trains on. */
  public long tokens() {
    return (long) batch * time;
  }

  /** Such as "quickstart 16 × 256, 4 + 4 recurrences, keep state". */
  @Override
  public String toString() {
    return "%s %d × %d, %d + %d recurrences, keep %s"
        .formatted(
            name, batch, time, depth.frozen(), depth.tracked(), keep == Keep.ALL ? "all" : "state");
  }
}
