package rondo.nn.depth;

import java.util.ArrayList;
import java.util.List;
import rondo.engine.device.Buffer;
import rondo.engine.device.Region;
import rondo.engine.graph.TensorType;

/** Buffers that a step needs, collected while planning and cut from one region when bound. */
final class Slots {
  private final List<TensorType> types = new ArrayList<>();
  private long bytes;

  /** Number of the new slot. */
  int add(TensorType type) {
    types.add(type);
    bytes += Region.aligned(type.bytes());
    return types.size() - 1;
  }

  List<Integer> addAll(List<TensorType> all) {
    return all.stream().map(this::add).toList();
  }

  long bytes() {
    return bytes;
  }

  List<Buffer> cut(Region region) {
    return types.stream().map(region::next).toList();
  }

  /** The same buffers each time, for a region that several steps share. */
  List<Buffer> of(Region region) {
    var buffers = new ArrayList<Buffer>();
    long offset = 0;
    for (var type : types) {
      buffers.add(region.at(offset, type));
      offset += Region.aligned(type.bytes());
    }
    return buffers;
  }
}
