package rondo.engine.nativelib;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_DOUBLE;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.invoke.MethodHandle;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * One opened device library and one of its streams, with its memory, timer and recordings: the only
 * class that makes native handles. They are bound on first use, so a library that lacks a function
 * fails where it is called, by name.
 */
abstract sealed class NativeStream implements Functions, AutoCloseable permits Library {
  /** {@code RONDO_CONTRACT} of the header that these signatures were written against. */
  static final int CONTRACT = 5;

  /** {@code RONDO_INVALID}: an argument is wrong. */
  private static final int INVALID = 1;

  private final Path file;
  private final SymbolLookup symbols;
  private final Map<String, FunctionDescriptor> signatures = new LinkedHashMap<>();
  private final List<MemorySegment> graphs = new ArrayList<>();

  /** The first argument of every operation. */
  MemorySegment stream = MemorySegment.NULL;

  private final Handle contract = function("rondo_contract", JAVA_INT, "");
  private final Handle describe = function("rondo_describe", ADDRESS, "");
  private final Handle error = function("rondo_error", ADDRESS, "");
  private final Handle streamCreate = function("rondo_stream_create", JAVA_INT, "iip");
  private final Handle streamDestroy = operation("rondo_stream_destroy", "");
  private final Handle streamSynchronize = operation("rondo_stream_synchronize", "");
  private final Handle allocate = operation("rondo_allocate", "lp");
  private final Handle release = operation("rondo_release", "pl");
  private final Handle allocateStaging = operation("rondo_allocate_staging", "lp");
  private final Handle releaseStaging = operation("rondo_release_staging", "pl");
  private final Handle memory = operation("rondo_memory", "pp");
  private final Handle timerBegin = operation("rondo_timer_begin", "");
  private final Handle timerEnd = operation("rondo_timer_end", "p");
  private final Handle copy = operation("rondo_copy", "ppl");
  private final Handle zero = operation("rondo_zero", "pl");
  private final Handle captureBegin = operation("rondo_capture_begin", "");
  private final Handle captureEnd = operation("rondo_capture_end", "p");
  private final Handle graphLaunch = operation("rondo_graph_launch", "p");
  private final Handle graphDestroy = function("rondo_graph_destroy", JAVA_INT, "p");

  NativeStream(Path file, SymbolLookup symbols) {
    this.file = file;
    this.symbols = symbols;
  }

  /** What may be called: C name to signature, in the order of the header. */
  Map<String, FunctionDescriptor> signatures() {
    return signatures;
  }

  /** Opens the stream; see {@link Library#open}. */
  void start(int device, int threads) {
    try (var arena = Arena.ofConfined()) {
      int found = (int) contract.get().invokeExact();
      if (found != CONTRACT) {
        throw new IllegalStateException(
            file + ": speaks contract " + found + ", expected " + CONTRACT + "; rebuild kernels/");
      }
      var out = arena.allocate(ADDRESS);
      check((int) streamCreate.get().invokeExact(device, threads, out));
      stream = out.get(ADDRESS, 0);
    } catch (NativeException e) {
      throw new IllegalStateException(file + ": " + e.getMessage(), e);
    } catch (Throwable t) {
      throw failed(t);
    }
  }

  /** One line: what the library runs on. */
  public String describe() {
    try {
      return text((MemorySegment) describe.get().invokeExact());
    } catch (Throwable t) {
      throw failed(t);
    }
  }

  @Override
  public void synchronize() {
    try {
      check((int) streamSynchronize.get().invokeExact(stream));
    } catch (Throwable t) {
      throw failed(t);
    }
  }

  /** The arena has to be closed before this library. */
  @Override
  public MemorySegment allocate(long bytes, Arena lifetime) {
    return allocate(allocate, release, bytes, lifetime);
  }

  /** The arena has to be closed before this library. */
  @Override
  public MemorySegment allocateStaging(long bytes, Arena lifetime) {
    return allocate(allocateStaging, releaseStaging, bytes, lifetime);
  }

  private MemorySegment allocate(Handle allocate, Handle release, long bytes, Arena lifetime) {
    try (var arena = Arena.ofConfined()) {
      var out = arena.allocate(ADDRESS);
      check((int) allocate.get().invokeExact(stream, bytes, out));
      return out.get(ADDRESS, 0).reinterpret(bytes, lifetime, m -> release(release, m, bytes));
    } catch (Throwable t) {
      throw failed(t);
    }
  }

  private void release(Handle release, MemorySegment memory, long bytes) {
    if (stream.address() == 0) {
      throw new IllegalStateException("device memory must be closed before its device");
    }
    try {
      check((int) release.get().invokeExact(stream, memory, bytes));
    } catch (Throwable t) {
      throw failed(t);
    }
  }

  @Override
  public Memory memory() {
    try (var arena = Arena.ofConfined()) {
      var unused = arena.allocate(JAVA_LONG);
      var total = arena.allocate(JAVA_LONG);
      check((int) memory.get().invokeExact(stream, unused, total));
      return new Memory(unused.get(JAVA_LONG, 0), total.get(JAVA_LONG, 0));
    } catch (Throwable t) {
      throw failed(t);
    }
  }

  @Override
  public void timerBegin() {
    try {
      check((int) timerBegin.get().invokeExact(stream));
    } catch (Throwable t) {
      throw failed(t);
    }
  }

  @Override
  public double timerEnd() {
    try (var arena = Arena.ofConfined()) {
      var seconds = arena.allocate(JAVA_DOUBLE);
      check((int) timerEnd.get().invokeExact(stream, seconds));
      return seconds.get(JAVA_DOUBLE, 0);
    } catch (Throwable t) {
      throw failed(t);
    }
  }

  @Override
  public void copy(MemorySegment from, MemorySegment to, long bytes) {
    try {
      check((int) copy.get().invokeExact(stream, from, to, bytes));
    } catch (Throwable t) {
      throw failed(t);
    }
  }

  @Override
  public void zero(MemorySegment memory, long bytes) {
    try {
      check((int) zero.get().invokeExact(stream, memory, bytes));
    } catch (Throwable t) {
      throw failed(t);
    }
  }

  /**
   * Records what is called on the stream while {@code launches} runs, instead of running it.
   *
   * @return the recording, which lives until this library is closed
   */
  public MemorySegment record(Runnable launches) {
    try (var arena = Arena.ofConfined()) {
      check((int) captureBegin.get().invokeExact(stream));
      var out = arena.allocate(ADDRESS);
      Throwable failure = null;
      try {
        launches.run();
      } catch (RuntimeException | Error e) {
        failure = e; // the recording has to end all the same
      }
      int code = (int) captureEnd.get().invokeExact(stream, out);
      if (failure != null) {
        throw failure;
      }
      check(code);
      graphs.add(out.get(ADDRESS, 0));
      return graphs.getLast();
    } catch (Throwable t) {
      throw failed(t);
    }
  }

  /** Runs a recording: the same functions with the same pointers and sizes. */
  public void replay(MemorySegment graph) {
    try {
      check((int) graphLaunch.get().invokeExact(stream, graph));
    } catch (Throwable t) {
      throw failed(t);
    }
  }

  @Override
  public void close() {
    if (stream.address() != 0) {
      try {
        for (var graph : graphs) {
          check((int) graphDestroy.get().invokeExact(graph));
        }
        graphs.clear();
        check((int) streamDestroy.get().invokeExact(stream));
      } catch (Throwable t) {
        throw failed(t);
      }
      stream = MemorySegment.NULL;
    }
  }

  /**
   * A function of the library that takes a stream first and returns a status.
   *
   * @param rest its other arguments, a letter each: p for a pointer, i for int32_t, l for int64_t,
   *     f for float
   */
  final Handle operation(String name, String rest) {
    return function(name, JAVA_INT, "p" + rest);
  }

  private Handle function(String name, MemoryLayout result, String arguments) {
    var signature =
        FunctionDescriptor.of(
            result, arguments.chars().mapToObj(NativeStream::layout).toArray(MemoryLayout[]::new));
    signatures.put(name, signature);
    return new Handle(name, signature);
  }

  private static MemoryLayout layout(int letter) {
    return switch (letter) {
      case 'p' -> ADDRESS;
      case 'i' -> JAVA_INT;
      case 'l' -> JAVA_LONG;
      case 'f' -> JAVA_FLOAT;
      default -> throw new IllegalArgumentException("no layout for " + (char) letter);
    };
  }

  /** Throws what a status means. */
  final void check(int code) throws Throwable {
    if (code != 0) {
      var message = text((MemorySegment) error.get().invokeExact());
      var line = message.isEmpty() ? "status " + code : message;
      throw code == INVALID ? new IllegalArgumentException(line) : new NativeException(code, line);
    }
  }

  private static String text(MemorySegment pointer) {
    return pointer.address() == 0 ? "" : pointer.reinterpret(Long.MAX_VALUE).getString(0);
  }

  static RuntimeException failed(Throwable t) {
    return switch (t) {
      case RuntimeException e -> e;
      case Error e -> throw e;
      default -> new IllegalStateException(t);
    };
  }

  /** A downcall handle, bound when first needed. */
  final class Handle {
    private final String name;
    private final FunctionDescriptor signature;
    private @Nullable MethodHandle bound;

    Handle(String name, FunctionDescriptor signature) {
      this.name = name;
      this.signature = signature;
    }

    MethodHandle get() {
      var handle = bound;
      if (handle == null) {
        var address =
            symbols
                .find(name)
                .orElseThrow(() ->
                    new IllegalStateException(file + ": lacks " + name + "; rebuild kernels/"));
        handle = Linker.nativeLinker().downcallHandle(address, signature);
        bound = handle;
      }
      return handle;
    }
  }
}
