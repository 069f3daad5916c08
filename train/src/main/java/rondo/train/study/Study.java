package rondo.train.study;

import java.util.ArrayList;
import java.util.List;
import java.util.function.BiConsumer;
import rondo.engine.device.Device;
import rondo.nn.checkpoint.BlockKind;
import rondo.train.study.StudyResult.Progress;

/**
 * The committed study: the chosen task, its controls, and what was tried beside it, each over several
 * seeds of which all are reported.
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

  private record Planned(String name, String about, StudyConfig config, List<Long> seeds) {}

  private Study() {}

  /**
   * Runs everything.
   *
   * @param progress hears the arm's name with each point of its loss curves
   */
  public static List<Arm> run(Device device, BiConsumer<String, Progress> progress) {
    var chosen = StudyConfig.shellGame();
    var plans =
        List.of(
            new Planned(CHOSEN, "depth drawn around 8", chosen, SEEDS),
            new Planned(
                "shell game, control of equal updates",
                "the same model trained at r = 1: every block once",
                chosen.fixedAt(1),
                SEEDS),
            new Planned(
                "shell game, control of equal FLOPs",
                "trained at r = 1 for as many updates as cost the same FLOPs",
                chosen.fixedAt(1),
                SEEDS),
            new Planned(
                "shell game, depth not drawn",
                "trained at r = 8 in every update",
                chosen.fixedAt(8),
                FEWER_SEEDS),
            new Planned(
                "shell game, Llama blocks",
                "two norms a block instead of four",
                chosen.withBlocks(BlockKind.LLAMA),
                FEWER_SEEDS),
            new Planned(
                "running sum modulo 10",
                "another task, the same budget",
                StudyConfig.runningSum(),
                FEWER_SEEDS),
            new Planned(
                "pointer chase over 8 nodes",
                "another task, twice the updates",
                StudyConfig.pointerChase(),
                FEWER_SEEDS));
    var arms = new ArrayList<Arm>();
    for (var plan : plans) {
      var runs = new ArrayList<StudyResult>();
      for (long seed : plan.seeds) {
        var config =
            plan.name.endsWith("equal FLOPs")
                ? DepthStudy.atEqualFlops(plan.config, chosen, seed)
                : plan.config;
        runs.add(DepthStudy.run(config, device, seed, p -> progress.accept(plan.name, p)));
      }
      arms.add(new Arm(plan.name, plan.about, runs));
    }
    return List.copyOf(arms);
  }
}
