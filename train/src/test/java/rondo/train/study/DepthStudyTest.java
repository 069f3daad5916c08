package rondo.train.study;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import rondo.engine.device.Device;
import rondo.engine.graph.DType;
import rondo.nn.checkpoint.BlockConfig;
import rondo.nn.checkpoint.BlockKind;
import rondo.nn.checkpoint.Rope;
import rondo.nn.depth.DepthSampler;
import rondo.optim.OptimizerConfig;
import rondo.train.study.StudyResult.Accuracy;
import rondo.train.study.StudyResult.Progress;

class DepthStudyTest {
  /** Two cups and at most two swaps: learnt in seconds on the device of plain loops. */
  private static StudyConfig tiny(int updates) {
    return new StudyConfig(
        new ShellGame(2),
        2,
        5,
        new BlockConfig(BlockKind.HUGINN, 16, 2, 2, 8, 32, 1e-6, new Rope(10_000, true, null)),
        DepthSampler.LOGNORMAL_POISSON,
        2,
        2,
        16,
        updates,
        new OptimizerConfig.MuonConfig(
            0.02, 0, 0.95, 5, DType.F32, new OptimizerConfig.AdamWConfig(0.01, 0.9, 0.95, 1e-8, 0)),
        1,
        64,
        List.of(1, 2, 4));
  }

  @Test
  void aFewUpdatesTeachProblemsOfTrainedLength() {
    try (var device = Device.plain()) {
      var heard = new ArrayList<Progress>();
      var result = DepthStudy.run(tiny(60), device, 1, heard::add);
      double first = result.losses().getFirst().loss();
      double last = result.losses().getLast().loss();
      assertTrue(last < 0.5 * first, () -> "loss went from " + first + " to " + last);
      assertEquals(heard, result.losses());
      assertEquals(List.of(1, 2, 4), result.accuracy().stream().map(Accuracy::depth).toList());
      double right = result.accuracy().getLast().after(1);
      assertTrue(right > 0.9, () -> "one swap at r = 4: " + right);
      assertEquals(5, result.accuracy().getFirst().bySteps().size());
    }
  }

  @Test
  void aRunIsAFunctionOfItsSeed() {
    try (var device = Device.plain()) {
      var once = DepthStudy.run(tiny(5), device, 3, _ -> {});
      var again = DepthStudy.run(tiny(5), device, 3, _ -> {});
      var other = DepthStudy.run(tiny(5), device, 4, _ -> {});
      assertEquals(losses(once), losses(again));
      assertEquals(once.accuracy(), again.accuracy());
      assertTrue(!losses(once).equals(losses(other)));
    }
  }

  private static List<Double> losses(StudyResult result) {
    return result.losses().stream().map(Progress::loss).toList();
  }

  @Test
  void theControlOfEqualFlopsCostsWithinOneUpdateOfTheSame() {
    var chosen = StudyConfig.shellGame();
    long flops = DepthStudy.flops(chosen, 1);
    var control = DepthStudy.atEqualFlops(chosen.fixedAt(1), chosen, 1);
    long spent = DepthStudy.flops(control, 1);
    assertTrue(control.updates() > chosen.updates());
    assertTrue(Math.abs(spent - flops) <= spent / control.updates());
  }

  @Test
  void reachIsTheLongestChainWithoutAGap() {
    assertEquals(2, new Accuracy(1, List.of(1.0, 0.95, 0.5, 1.0)).reach(0.9));
    assertEquals(0, new Accuracy(1, List.of(0.2, 1.0)).reach(0.9));
    assertEquals(2, new Accuracy(1, List.of(1.0, 0.9)).reach(0.9));
  }

  @Test
  void depthsMustAscend() {
    var c = tiny(1);
    assertThrows(
        IllegalArgumentException.class,
        () ->
            new StudyConfig(
                c.task(),
                c.trainedSteps(),
                c.testSteps(),
                c.block(),
                c.sampler(),
                c.meanRecurrence(),
                c.backprop(),
                c.batch(),
                c.updates(),
                c.optimizer(),
                c.clip(),
                c.testRows(),
                List.of(2, 2)));
  }

  @Test
  void aReportShowsEveryRun() {
    var config = tiny(1);
    var runs = new ArrayList<StudyResult>();
    for (long seed = 1; seed <= 2; seed++) {
      runs.add(
          new StudyResult(
              config,
              seed,
              "no device",
              1,
              1,
              1,
              1,
              1,
              1,
              List.of(new Progress(1, 1, 1)),
              List.of(new Accuracy(1, List.of(1.0, 1.0, 0.25, 0.0, 0.0)))));
    }
    var text = StudyReport.markdown(List.of(new Study.Arm("arm", "about", runs)));
    assertTrue(text.contains("| 1 | 2 |\n| 2 | 2 |"), text);
    assertTrue(text.contains("| 1 | 2 | **3** | **4** | **5** |"), text);
    assertTrue(text.contains("| 1 | 100 | 100 | 25 | 0 | 0 |"), text);
    var json =
        StudyJson.of(
            java.util.Map.of("machine", "m"), List.of(new Study.Arm("arm", "about", runs)));
    assertEquals(2, json.at("/arms/0/runs").size());
    assertEquals(0.25, json.at("/arms/0/runs/1/accuracy/0/by_steps/2").asDouble());
  }
}
