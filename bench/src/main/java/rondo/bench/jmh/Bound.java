package rondo.bench.jmh;

import java.util.List;
import rondo.bench.Workbench;
import rondo.engine.device.Device;
import rondo.engine.device.Devices;
import rondo.engine.device.Executable;
import rondo.engine.graph.Graph;
import rondo.engine.graph.Tensor;

/** A device and one program on it. */
record Bound(Device device, Workbench memory, Executable executable) implements AutoCloseable {
  static Bound of(int threads, Graph graph, List<Tensor> given, List<Tensor> results) {
    var device = Devices.open("cpu", threads);
    var memory = new Workbench(device);
    return new Bound(device, memory, memory.bind("benchmark", graph, given, results));
  }

  void run() {
    executable.run();
  }

  @Override
  public void close() {
    memory.close();
    device.close();
  }
}
