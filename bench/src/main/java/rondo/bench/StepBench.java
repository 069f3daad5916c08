package rondo.bench;

import java.util.ArrayList;
import java.util.List;
import rondo.engine.device.Device;

/** Training steps on a device, next to the same model elsewhere. */
public final class StepBench {
  /** The same training step in another framework. */
  public interface Peer {
    String name();

    /** Allocates everything and returns one step. */
    Runnable step(StepConfig config);
  }

  private StepBench() {}

  /** Measures each step in tokens per second. */
  public static List<Measurement> measure(
      Device device, List<StepConfig> steps, List<Peer> peers, Rounds rounds) {
    var all = new ArrayList<Measurement>();
    for (var config : steps) {
      try (var run = new TrainingRun(device, config)) {
        var names = new ArrayList<>(List.of(Measurement.RONDO));
        var subjects = new ArrayList<Runnable>(List.of(run::run));
        for (var peer : peers) {
          names.add(peer.name());
          subjects.add(peer.step(config));
        }
        var timings = Timing.interleaved(rounds, subjects);
        for (int i = 0; i < names.size(); i++) {
          all.add(
              new Measurement(
                  "training step",
                  config.toString(),
                  names.get(i),
                  timings.get(i),
                  config.tokens(),
                  Unit.TOKENS));
        }
      }
    }
    return all;
  }
}
