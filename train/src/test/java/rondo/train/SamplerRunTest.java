package rondo.train;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import rondo.engine.device.Devices;

/** Every depth that a schedule may draw has room in its run. */
class SamplerRunTest {
  @TempDir Path folder;

  private List<StepReport> run(String... options) throws IOException {
    try (var device = Devices.open("auto", 1)) {
      return new TinyRun(folder).run(device, List.of(options), Listener.none());
    }
  }

  /** While backprop is below its peak, gupta draws deeper than it does at the peak. */
  @Test
  void guptaHasRoomWhileBackpropRises() throws IOException {
    var depth =
        "depth={mean: 12, backprop: 12, sampler: gupta, backprop_curriculum: {curve: linear, steps: 1000}}";
    var reports = run(depth, "seed=8", "batch.micro=1", "steps=40");
    assertEquals(40, reports.size());
    double deepest = reports.stream().mapToDouble(StepReport::tracked).max().orElse(0);
    assertTrue(deepest > 1, "a micro-batch tracked more than 12 - 12 + 1, seed 8: " + deepest);
  }

  /** Four micro-batches a step: the target is there after ten of them, in the third step. */
  @Test
  void aRampCountsMicroBatches() throws IOException {
    var reports =
        run("depth={mean: 6, backprop: 2, sampler: fixed-curriculum-10}", "batch.micro=1");
    // ⌈i/10·4⌉ for i = 1 … 4 is 1, 1, 2, 2; ⌈i/10·2⌉ is 1.
    assertEquals(1.5, reports.get(0).frozen());
    assertEquals(1, reports.get(0).tracked());
    // 5 … 8: 2, 3, 3, 4 and 1, 2, 2, 2.
    assertEquals(3, reports.get(1).frozen());
    assertEquals(1.75, reports.get(1).tracked());
    assertEquals(4, reports.get(2).frozen());
    assertEquals(2, reports.get(2).tracked());
    assertEquals(4, reports.getLast().frozen());
  }
}
