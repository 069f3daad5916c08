package rondo.engine.device;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import java.util.function.IntConsumer;
import org.jspecify.annotations.Nullable;
import rondo.engine.graph.Bf16;
import rondo.engine.graph.DType;
import rondo.engine.graph.Program;
import rondo.engine.graph.Tensor;
import rondo.engine.nativelib.Functions;
import rondo.engine.nativelib.Kernels;
import rondo.engine.nativelib.Library;
import rondo.engine.nativelib.NativeException;
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
  private final @Nullable Library library;
  private final @Nullable Staging staging;
  private final List<Region> regions = new ArrayList<>();
  private @Nullable FiniteCheck check;
  private boolean awaitingSteps;
  private List<Devices.Report> passedOver = List.of();

  /**
   * @param library what {@code functions} is, unless it is Java
   * @param host whether its memory is the host's own
   */
  private Device(
      String name,
      String description,
      String build,
      int threads,
      Functions functions,
      @Nullable Library library,
      boolean host) {
    this.name = name;
    this.description = description;
    this.build = build;
    this.threads = threads;
    this.functions = functions;
    this.library = library;
    this.staging = host ? null : new Staging(functions);
  }

  /** This device, as the choice after others that cannot be used. */
  Device passingOver(List<Devices.Report> others) {
    passedOver = List.copyOf(others);
    return this;
  }

  /** This device, refusing the first value it computes that is infinite or no number. */
  Device checkingValues() {
    check = new FiniteCheck(this, functions);
    return this;
  }

  /** This device, waiting for each step of a program, so that what fails there is named. */
  Device awaitingSteps() {
    awaitingSteps = true;
    return this;
  }

  /** The device of plain Java loops: the specification, and the fallback everywhere. */
  public static Device plain() {
    var description = "plain Java loops, one thread: the slow reference";
    return new Device("plain", description, "", 1, new PlainFunctions(), null, true);
  }

  /** The processor, by a library whose memory is the host's. */
  static Device cpu(String description, String build, int threads, Library library) {
    return new Device("cpu", description, build, threads, library, library, true);
  }

  /** A GPU, or what stands in for one: memory that only the library touches. */
  static Device gpu(String name, String build, Library library) {
    return new Device(name, library.describe(), build, 1, library, library, false);
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
    return library == null || !host();
  }

  public int threads() {
    return threads;
  }

  /**
   * A zeroed region, to be closed before this device.
   *
   * @throws OutOfDeviceMemoryException when the device has not so much
   */
  public Region allocate(String regionName, long bytes) {
    var arena = Arena.ofShared();
    long size = Math.max(bytes, 64); // empty regions need no special case
    try {
      return new Region(regionName, functions.allocate(size, arena), arena, host(), regions);
    } catch (NativeException e) {
      arena.close();
      throw e.code() == NativeException.NO_MEMORY
          ? new OutOfDeviceMemoryException(name, regionName, size, functions.memory(), regions, e)
          : e;
    }
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
    var recorder = host() ? null : library;
    var afterStep = afterStep(program, addresses);
    return new Executable(program, launches, addresses.scopes(), recorder, afterStep);
  }

  private @Nullable IntConsumer afterStep(Program program, Binding addresses) {
    var finite = check;
    if (finite == null) {
      return awaitingSteps ? _ -> synchronize() : null;
    }
    return step -> {
      if (awaitingSteps) {
        synchronize();
      }
      finite.after(program, step, addresses);
    };
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
    if (staging != null) {
      staging.awaited();
    }
  }

  /** f32, or bf16 to the nearest. On a GPU the values are on their way when this returns. */
  public void write(Buffer to, float... values) {
    boolean low = to.dtype() == DType.BF16;
    fill(
        sized(to, low ? DType.BF16 : DType.F32, values.length),
        low
            ? bytes -> narrow(values, bytes)
            : bytes -> MemorySegment.copy(values, 0, bytes, JAVA_FLOAT, 0, values.length));
  }

  private static void narrow(float[] values, MemorySegment to) {
    for (int i = 0; i < values.length; i++) {
      to.setAtIndex(JAVA_SHORT, i, Bf16.narrow(values[i]));
    }
  }

  /** On a GPU the values are on their way when this returns. */
  public void write(Buffer to, int... values) {
    fill(
        sized(to, DType.I32, values.length),
        bytes -> MemorySegment.copy(values, 0, bytes, JAVA_INT, 0, values.length));
  }

  /** On a GPU the values are on their way when this returns. */
  public void write(Buffer to, long... values) {
    fill(
        sized(to, DType.I64, values.length),
        bytes -> MemorySegment.copy(values, 0, bytes, JAVA_LONG, 0, values.length));
  }

  /** Has the bytes of a dense buffer written, in place where its memory is the host's. */
  public void fill(Buffer to, Consumer<MemorySegment> writer) {
    fill(dense(to).asSlice(0, to.type().bytes()), writer);
  }

  private void fill(MemorySegment to, Consumer<MemorySegment> writer) {
    long bytes = to.byteSize();
    if (staging == null) {
      writer.accept(to);
    } else if (bytes <= Staging.MOST) {
      var staged = staging.take(bytes);
      writer.accept(staged);
      functions.copy(staged, to, bytes);
    } else {
      try (var arena = Arena.ofConfined()) {
        var whole = arena.allocate(bytes, 64);
        writer.accept(whole);
        functions.copy(whole, to, bytes); // which is done with them when it returns
      }
    }
  }

  /** The bytes of a dense buffer: its own memory where that is the host's, else a copy. */
  public MemorySegment read(Buffer from) {
    var memory = dense(from).asSlice(0, from.type().bytes());
    if (host()) {
      return memory;
    }
    var copy = Arena.ofAuto().allocate(memory.byteSize(), 64);
    functions.copy(memory, copy, memory.byteSize());
    synchronize();
    return copy;
  }

  /** As {@link #read}, but good only until the next values are written or read. */
  private MemorySegment glance(MemorySegment memory) {
    if (staging == null) {
      return memory;
    }
    var copy =
        memory.byteSize() <= Staging.MOST
            ? staging.take(memory.byteSize())
            : Arena.ofAuto().allocate(memory.byteSize(), 64);
    functions.copy(memory, copy, memory.byteSize());
    synchronize();
    return copy;
  }

  /** The values of a dense buffer of f32 or bf16. */
  public float[] floats(Buffer from) {
    var bytes = glance(dense(from).asSlice(0, from.type().bytes()));
    if (from.dtype() != DType.BF16) {
      return bytes.toArray(JAVA_FLOAT);
    }
    var values = new float[Math.toIntExact(from.type().shape().size())];
    for (int i = 0; i < values.length; i++) {
      values[i] = Bf16.widen(bytes.getAtIndex(JAVA_SHORT, i));
    }
    return values;
  }

  /** The values of a dense i64 buffer. */
  long[] longs(Buffer from) {
    return glance(dense(from).asSlice(0, from.type().bytes())).toArray(JAVA_LONG);
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
    return glance(from.pointer().asSlice(4L * index, 4)).get(JAVA_FLOAT, 0);
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

  /** Bytes of memory that nobody uses now. */
  public long freeBytes() {
    return functions.memory().unused();
  }

  /** Free and total memory, for people. */
  String memory() {
    var memory = functions.memory();
    return Sizes.text(memory.unused()) + " of " + Sizes.text(memory.total()) + " free";
  }

  /** Whether its memory is the host's own. */
  private boolean host() {
    return staging == null;
  }

  @Override
  public void close() {
    if (check != null) {
      check.close();
      check = null;
    }
    if (staging != null) {
      staging.close();
    }
    if (library != null) {
      library.close();
    }
  }
}
