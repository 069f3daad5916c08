package rondo.engine.device;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Map;
import rondo.engine.graph.DType;
import rondo.engine.graph.Program;
import rondo.engine.graph.Tensor;
import rondo.engine.nativelib.Functions;
import rondo.engine.nativelib.Kernels;
import rondo.engine.nativelib.Library;
import rondo.engine.plain.PlainFunctions;

/**
 * Where programs run: memory, and the operations of {@code rondo.h} behind one stream. Not for use
 * by several threads at once.
 */
public final class Device implements AutoCloseable {
  private final String name;
  private final String description;
  private final String build;
  private final int threads;
  private final Functions functions;
  private final AutoCloseable resource;
  private final List<Devices.Report> passedOver;

  Device(
      String name,
      String description,
      String build,
      int threads,
      Functions functions,
      AutoCloseable resource) {
    this(name, description, build, threads, functions, resource, List.of());
  }

  private Device(
      String name,
      String description,
      String build,
      int threads,
      Functions functions,
      AutoCloseable resource,
      List<Devices.Report> passedOver) {
    this.name = name;
    this.description = description;
    this.build = build;
    this.threads = threads;
    this.functions = functions;
    this.resource = resource;
    this.passedOver = List.copyOf(passedOver);
  }

  /** This device, as the choice after others that cannot be used. */
  Device passingOver(List<Devices.Report> others) {
    return new Device(name, description, build, threads, functions, resource, others);
  }

  /** The device of plain Java loops: the specification, and the fallback everywhere. */
  public static Device plain() {
    return new Device(
        "plain", "plain Java loops, one thread", "", 1, new PlainFunctions(), () -> {});
  }

  /** Short name: cpu, plain. */
  public String name() {
    return name;
  }

  /** One line: what it is and how many threads it uses. */
  public String describe() {
    return description;
  }

  /**
   * Which libraries compute here, by name and hash: two builds may round differently. Empty where
   * all is Java.
   */
  public String build() {
    return build;
  }

  /** The quicker kinds that cannot be used and why, where the choice was left to auto. */
  public List<Devices.Report> passedOver() {
    return passedOver;
  }

  public int threads() {
    return threads;
  }

  /** A zeroed region, to be closed before this device. */
  public Region allocate(String regionName, long bytes) {
    var arena = Arena.ofShared();
    long size = Math.max(bytes, 64); // empty regions need no special case
    var memory =
        functions instanceof Library library
            ? library.allocate(size, arena)
            : arena.allocate(size, 256);
    return new Region(regionName, memory, arena);
  }

  /**
   * Gives a program its addresses.
   *
   * @param bindings memory for everything given, results and added
   * @param workspace at least {@link Program#workspaceBytes}; programs that run one after another
   *     may share it
   * @throws IllegalArgumentException when something is unbound, misshapen or bound in an illegal
   *     way
   */
  public Executable bind(Program program, Map<Tensor, Buffer> bindings, Region workspace) {
    if (workspace.bytes() < program.workspaceBytes()) {
      throw new IllegalArgumentException(
          program.name()
              + ": workspace has "
              + workspace.bytes()
              + " bytes, needs "
              + program.workspaceBytes());
    }
    var addresses = new Binding(program, bindings, workspace);
    var launches = Kernels.launches(program, addresses::operand, addresses::scratch, functions);
    return new Executable(program.name(), launches.toArray(new Runnable[0]), program.flops());
  }

  /** Zeroes a dense buffer. */
  public void zero(Buffer buffer) {
    functions.zero(dense(buffer), buffer.type().bytes());
  }

  public void copy(Buffer from, Buffer to) {
    if (!from.type().equals(to.type()) || !from.isDense() || !to.isDense()) {
      throw new IllegalArgumentException("copy: " + from.type() + " to " + to.type());
    }
    functions.copy(from.memory(), to.memory(), from.type().bytes());
  }

  // On the devices there are, memory is the host's own: arrays are copied directly.

  public void write(Buffer to, float... values) {
    MemorySegment.copy(
        values, 0, sized(to, DType.F32, values.length), JAVA_FLOAT, 0, values.length);
  }

  public void write(Buffer to, int... values) {
    MemorySegment.copy(values, 0, sized(to, DType.I32, values.length), JAVA_INT, 0, values.length);
  }

  public void write(Buffer to, long... values) {
    MemorySegment.copy(values, 0, sized(to, DType.I64, values.length), JAVA_LONG, 0, values.length);
  }

  public float[] floats(Buffer from) {
    return dense(from).asSlice(0, from.type().bytes()).toArray(JAVA_FLOAT);
  }

  /**
   * One element of a dense f32 buffer.
   *
   * @param index in elements, row-major
   * @throws IllegalArgumentException when the buffer has no such element
   */
  public float scalar(Buffer from, int index) {
    if (from.dtype() != DType.F32
        || !from.isDense()
        || index < 0
        || index >= from.type().shape().size()) {
      throw new IllegalArgumentException(from.type() + " has no f32 element " + index);
    }
    return from.memory().getAtIndex(JAVA_FLOAT, index);
  }

  private static MemorySegment sized(Buffer buffer, DType type, int length) {
    if (buffer.dtype() != type || buffer.type().shape().size() != length) {
      throw new IllegalArgumentException(
          buffer.type() + " cannot take " + length + " elements of " + type);
    }
    return dense(buffer);
  }

  private static MemorySegment dense(Buffer buffer) {
    if (!buffer.isDense()) {
      throw new IllegalArgumentException(
          "a view of " + buffer.type() + " cannot be copied or zeroed");
    }
    return buffer.memory();
  }

  Functions functions() {
    return functions;
  }

  @Override
  public void close() {
    try {
      resource.close();
    } catch (Exception e) {
      throw new IllegalStateException(name + ": " + e.getMessage(), e);
    }
  }
}
