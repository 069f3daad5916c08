package rondo.engine.device;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import rondo.engine.graph.Bf16;
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
  private final boolean host;
  private final List<Devices.Report> passedOver;

  private Device(
      String name,
      String description,
      String build,
      int threads,
      Functions functions,
      AutoCloseable resource,
      boolean host,
      List<Devices.Report> passedOver) {
    this.name = name;
    this.description = description;
    this.build = build;
    this.threads = threads;
    this.functions = functions;
    this.resource = resource;
    this.host = host;
    this.passedOver = List.copyOf(passedOver);
  }

  /** This device, as the choice after others that cannot be used. */
  Device passingOver(List<Devices.Report> others) {
    return new Device(name, description, build, threads, functions, resource, host, others);
  }

  /** The device of plain Java loops: the specification, and the fallback everywhere. */
  public static Device plain() {
    return new Device(
        "plain",
        "plain Java loops, one thread: the slow reference",
        "",
        1,
        new PlainFunctions(),
        () -> {},
        true,
        List.of());
  }

  /** The processor, by a library whose memory is the host's. */
  static Device cpu(String description, String build, int threads, Library library) {
    return new Device("cpu", description, build, threads, library, library, true, List.of());
  }

  /** A GPU, or what stands in for one: memory that only the library touches. */
  static Device gpu(String name, String build, Library library) {
    return new Device(name, library.describe(), build, 1, library, library, false, List.of());
  }

  /** Short name: cpu, plain, cuda:0, emulated. */
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

  /** Whether activations may be bf16: not on a processor's own library. */
  public boolean hasBf16() {
    return !(functions instanceof Library) || !host;
  }

  public int threads() {
    return threads;
  }

  /** A zeroed region, to be closed before this device. */
  public Region allocate(String regionName, long bytes) {
    var arena = Arena.ofShared();
    long size = Math.max(bytes, 64); // empty regions need no special case
    var memory = functions.allocate(size, arena);
    return new Region(regionName, memory, arena, host);
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
    var recorder = functions instanceof Library library && !host ? library : null;
    return new Executable(program, launches, addresses.scopes(), recorder);
  }

  /** Zeroes a dense buffer. */
  public void zero(Buffer buffer) {
    functions.zero(dense(buffer), buffer.type().bytes());
  }

  public void copy(Buffer from, Buffer to) {
    if (!from.type().equals(to.type()) || !from.isDense() || !to.isDense()) {
      throw new IllegalArgumentException("copy: " + from.type() + " to " + to.type());
    }
    functions.copy(from.pointer(), to.pointer(), from.type().bytes());
  }

  /** Waits for all that was enqueued; a GPU says only then which token or position was wrong. */
  public void synchronize() {
    functions.synchronize();
  }

  /** To f32, or to bf16 rounded to the nearest. */
  public void write(Buffer to, float... values) {
    if (to.dtype() == DType.BF16) {
      sized(to, DType.BF16, values.length);
      fill(
          to,
          memory -> {
            for (int i = 0; i < values.length; i++) {
              memory.setAtIndex(JAVA_SHORT, i, Bf16.narrow(values[i]));
            }
          });
      return;
    }
    var memory = sized(to, DType.F32, values.length);
    if (host) {
      MemorySegment.copy(values, 0, memory, JAVA_FLOAT, 0, values.length);
    } else {
      upload(memory, staged -> MemorySegment.copy(values, 0, staged, JAVA_FLOAT, 0, values.length));
    }
  }

  public void write(Buffer to, int... values) {
    var memory = sized(to, DType.I32, values.length);
    if (host) {
      MemorySegment.copy(values, 0, memory, JAVA_INT, 0, values.length);
    } else {
      upload(memory, staged -> MemorySegment.copy(values, 0, staged, JAVA_INT, 0, values.length));
    }
  }

  public void write(Buffer to, long... values) {
    var memory = sized(to, DType.I64, values.length);
    if (host) {
      MemorySegment.copy(values, 0, memory, JAVA_LONG, 0, values.length);
    } else {
      upload(memory, staged -> MemorySegment.copy(values, 0, staged, JAVA_LONG, 0, values.length));
    }
  }

  /** Has the bytes of a dense buffer written, in place where its memory is the host's. */
  public void fill(Buffer to, Consumer<MemorySegment> writer) {
    var memory = dense(to).asSlice(0, to.type().bytes());
    if (host) {
      writer.accept(memory);
    } else {
      upload(memory, writer);
    }
  }

  private void upload(MemorySegment to, Consumer<MemorySegment> writer) {
    try (var arena = Arena.ofConfined()) {
      var staged = arena.allocate(to.byteSize(), 64);
      writer.accept(staged);
      functions.copy(staged, to, to.byteSize());
      synchronize(); // the staged bytes go with the arena
    }
  }

  /** The bytes of a dense buffer: its own memory where that is the host's, else a copy. */
  public MemorySegment read(Buffer from) {
    return readable(dense(from).asSlice(0, from.type().bytes()));
  }

  private MemorySegment readable(MemorySegment memory) {
    if (host) {
      return memory;
    }
    var copy = Arena.ofAuto().allocate(memory.byteSize(), 64);
    functions.copy(memory, copy, memory.byteSize());
    synchronize();
    return copy;
  }

  /** Of f32, or of bf16 widened. */
  public float[] floats(Buffer from) {
    var memory = read(from);
    if (from.dtype() != DType.BF16) {
      return memory.toArray(JAVA_FLOAT);
    }
    var values = new float[Math.toIntExact(from.type().shape().size())];
    for (int i = 0; i < values.length; i++) {
      values[i] = Bf16.widen(memory.getAtIndex(JAVA_SHORT, i));
    }
    return values;
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
    return readable(from.pointer().asSlice(4L * index, 4)).get(JAVA_FLOAT, 0);
  }

  private static MemorySegment sized(Buffer buffer, DType type, int length) {
    if (buffer.dtype() != type || buffer.type().shape().size() != length) {
      throw new IllegalArgumentException(
          buffer.type() + " cannot take " + length + " elements of " + type);
    }
    return dense(buffer).asSlice(0, buffer.type().bytes());
  }

  private static MemorySegment dense(Buffer buffer) {
    if (!buffer.isDense()) {
      throw new IllegalArgumentException(
          "a view of " + buffer.type() + " cannot be copied or zeroed");
    }
    return buffer.pointer();
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
