package rondo.bench.jmh;

import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import rondo.bench.StepConfig;
import rondo.bench.TrainingRun;
import rondo.engine.device.Device;
import rondo.engine.device.Devices;
import rondo.nn.depth.Keep;

/** A whole training step of the quickstart's model, update included. */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MILLISECONDS)
public class StepBenchmark {
  @Param({"0", "4"})
  public int frozen;

  @Param({"ALL", "STATE"})
  public Keep keep;

  @Param({"1", "2"})
  public int threads;

  private Device device;
  private TrainingRun run;

  @Setup(Level.Trial)
  public void open() {
    device = Devices.open("cpu", threads);
    run = new TrainingRun(device, StepConfig.quickstart(frozen, keep));
  }

  @TearDown(Level.Trial)
  public void close() {
    run.close();
    device.close();
  }

  @Benchmark
  public void step() {
    run.run();
  }
}
