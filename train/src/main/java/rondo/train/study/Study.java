package rondo.train.study;

import java.util.ArrayList;
import java.util.List;
import java.util.function.BiConsumer;
import java.util.function.LongFunction;
import rondo.engine.device.Device;
import rondo.nn.checkpoint.BlockKind;

/**
 * The committed study: the chosen task, its controls, and what was tried beside it, each over
 * several seeds of which all are reported.
 */
public final class Study {
  /** Seeds of the chosen task and its controls. */
  public static final List<Long> SEEDS = List.of(1L, 2L, 3L, 4L, 5L);

  /** Seeds of the rest. */
  public static final List<Long> FEWER_SEEDS = List.of(1L, 2L, 3L);

  /** The name of the arm that the quickstart replays one run of. */
  public static final String CHOSEN = "shell game";

  /** Runs of one configuration. */
  public record Arm(String name, String about, List<StudyResult> runs) {
    public Arm {
      runs = List.copyOf(runs);
    }
  }

  private record Planned(
      String name, String about, LongFunction<StudyConfig> config, List<Long> seeds) {}

  private Study() {}

  /** Runs everything; {@code finished} hears the arm's name with each result. */
  public static List<Arm> run(Device device, BiConsumer<String, StudyResult> finished) {
    var arms = new ArrayList<Arm>();
    for (var plan : plans()) {
      var runs = new ArrayList<StudyResult>();
      for (long seed : plan.seeds) {
        var result = DepthStudy.run(plan.config.apply(seed), device, seed, _ -> {});
        finished.accept(plan.name, result);
        runs.add(result);
      }
      arms.add(new Arm(plan.name, plan.about, runs));
    }
    return List.copyOf(arms);
  }

  private static List<Planned> plans() {
    var chosen = StudyConfig.shellGame();
    return List.of(
        new Planned(CHOSEN, "depth drawn around 8 in every update", _ -> chosen, SEEDS),
        new Planned(
            "shell game, control of equal updates",
            "the same model trained at r = 1: every block once",
            _ -> chosen.fixedAt(1),
            SEEDS),
        new Planned(
            "shell game, control of equal FLOPs",
            "trained at r = 1 for as many updates as cost the same FLOPs",
            seed -> DepthStudy.atEqualFlops(chosen.fixedAt(1), chosen, seed),
            SEEDS),
        new Planned(
            "shell game, depth not drawn",
            "trained at r = 8 in every update",
            _ -> chosen.fixedAt(8),
            FEWER_SEEDS),
        new Planned(
            "shell game, Llama blocks",
            "two norms a block instead of four",
            _ -> chosen.withBlocks(BlockKind.LLAMA),
            FEWER_SEEDS),
        new Planned(
            "running sum modulo 10",
            "another task, the same budget",
            _ -> StudyConfig.runningSum(),
            FEWER_SEEDS),
        new Planned(
            "pointer chase over 8 nodes",
            "another task, twice the updates",
            _ -> StudyConfig.pointerChase(),
            FEWER_SEEDS));
  }
}
