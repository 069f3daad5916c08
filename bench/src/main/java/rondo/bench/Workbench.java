package rondo.bench;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import rondo.engine.device.Buffer;
import rondo.engine.device.Device;
import rondo.engine.device.Executable;
import rondo.engine.device.Region;
import rondo.engine.graph.DType;
import rondo.engine.graph.Graph;
import rondo.engine.graph.Program;
import rondo.engine.graph.Tensor;
import rondo.engine.graph.TensorType;

/** Memory for the values of traced functions, filled with harmless numbers, and their programs. */
public final class Workbench implements AutoCloseable {
  private final Device device;
  private final Map<Tensor, Buffer> buffers = new HashMap<>();
  private final List<Region> regions = new ArrayList<>();

  public Workbench(Device device) {
    this.device = device;
  }

  /** The memory of a value: the same each time. Integers are 0, which is a valid index. */
  Buffer buffer(Tensor t) {
    var known = buffers.get(t);
    if (known != null) {
      return known;
    }
    var buffer = allocate(t.type());
    buffers.put(t, buffer);
    return buffer;
  }

  /** Makes two values share memory. */
  void share(Tensor t, Buffer buffer) {
    buffers.put(t, buffer);
  }

  /** Memory of no value. Reals are uniform in 0 to 0.1: no overflow, no denormals, no NaN. */
  Buffer allocate(TensorType type) {
    var buffer = region(type.bytes()).next(type);
    if (type.dtype() == DType.F32) {
      var random = new SplittableRandom(type.shape().size());
      var values = new float[Math.toIntExact(type.shape().size())];
      for (int i = 0; i < values.length; i++) {
        values[i] = random.nextInt(1, 1000) / 10_000f;
      }
      device.write(buffer, values);
    }
    return buffer;
  }

  Region region(long bytes) {
    var region = device.allocate("bench", Region.aligned(bytes));
    regions.add(region);
    return region;
  }

  /** What gets {@code results} from {@code given}, ready to run. */
  public Executable bind(String name, Graph graph, List<Tensor> given, List<Tensor> results) {
    var program = Program.slice(name, graph, given, results, List.of());
    var all = new ArrayList<>(given);
    all.addAll(results);
    var bindings = new HashMap<Tensor, Buffer>();
    all.forEach(t -> bindings.put(t, buffer(t)));
    return device.bind(program, bindings, region(program.workspaceBytes()));
  }

  @Override
  public void close() {
    regions.forEach(Region::close);
  }
}
