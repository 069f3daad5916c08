package rondo.engine.nativelib;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.abort;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import rondo.engine.plain.OperationSamples;
import rondo.engine.plain.OperationSamples.Sample;

/** The native CPU library against the table of operations, on different numbers of threads. */
class NativeFunctionsTest {
  private static final long SEED = Long.getLong("rondo.seed", 20_260_103L);
  private static final int UNSUPPORTED = 2; // RONDO_UNSUPPORTED
  private static final Map<Integer, Library> OPEN = new LinkedHashMap<>();

  /** The library on so many threads, opened once; the test is skipped where this build has none. */
  private static Library library(int threads) {
    return OPEN.computeIfAbsent(
        threads,
        n -> {
          try {
            return Library.open(NativeFile.find("librondo_cpu.so"), 0, n);
          } catch (IllegalStateException e) {
            return abort(e.getMessage());
          }
        });
  }

  /**
   * The GPU's kernels on the processor, opened once; the test is skipped where this build has none.
   */
  private static Library emulator() {
    return OPEN.computeIfAbsent(
        0,
        _ -> {
          try {
            return Library.open(NativeFile.find("librondo_emulated.so"), 0, 1);
          } catch (IllegalStateException e) {
            return abort(e.getMessage());
          }
        });
  }

  @AfterAll
  static void closeAll() {
    OPEN.values().forEach(Library::close);
    OPEN.clear();
  }

  static Stream<Sample> samples() {
    return OperationSamples.all();
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("samples")
  void everySampleComesOutAsInFloat64OnOneThread(Sample sample) {
    check(sample, library(1));
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("samples")
  void everySampleComesOutAsInFloat64OnTwoThreads(Sample sample) {
    check(sample, library(2));
  }

  /** A processor refuses activations in bf16, in one line. */
  private static void check(Sample sample, Library library) {
    if (sample.bf16()) {
      var e = assertThrows(NativeException.class, () -> sample.check(library));
      assertEquals(UNSUPPORTED, e.code());
      var message = String.valueOf(e.getMessage());
      assertTrue(message.lines().count() == 1 && message.startsWith("rondo_"), message);
      assertTrue(message.contains("bf16"), message);
    } else {
      sample.check(library);
    }
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("samples")
  void everySampleComesOutAsInFloat64OnTheEmulator(Sample sample) {
    sample.check(emulator());
  }

  /** A large call: it writes all of {@code out}, which was zero. */
  private interface Call {
    void run(Functions f, Inputs in, MemorySegment out);
  }

  /** Random inputs, the same for every run. */
  private record Inputs(Arena arena, Random random) {
    MemorySegment normal(int count) {
      var memory = arena.allocate(4L * count, 64);
      for (int i = 0; i < count; i++) {
        memory.setAtIndex(JAVA_FLOAT, i, (float) random.nextGaussian());
      }
      return memory;
    }

    MemorySegment below(int bound, int count) {
      var memory = arena.allocate(4L * count, 64);
      for (int i = 0; i < count; i++) {
        memory.setAtIndex(JAVA_INT, i, random.nextInt(bound));
      }
      return memory;
    }

    MemorySegment scratch(int count) {
      return arena.allocate(4L * count, 64);
    }
  }

  private static final MemorySegment NONE = MemorySegment.NULL;

  private static void assertSameBits(int size, Call call) {
    System.out.println("threads: -Drondo.seed=" + SEED);
    var first = run(1, size, call);
    assertTrue(first.length > 0 && !Float.isNaN(first[0]));
    assertArrayEquals(first, run(2, size, call), "two threads");
    assertArrayEquals(first, run(3, size, call), "three threads");
  }

  private static float[] run(int threads, int size, Call call) {
    var library = library(threads);
    try (var arena = Arena.ofConfined()) {
      var out = arena.allocate(4L * size, 64);
      call.run(library, new Inputs(arena, new Random(SEED)), out);
      return out.toArray(JAVA_FLOAT);
    }
  }

  @Test
  void largeProductsHaveTheSameBitsOnAnyNumberOfThreads() {
    for (int transposed = 0; transposed < 4; transposed++) {
      int ta = transposed & 1;
      int tb = transposed >> 1;
      assertSameBits(
          301 * 517,
          (f, in, out) ->
              f.matmul(
                  1,
                  301,
                  517,
                  419,
                  1,
                  in.normal(301 * 419),
                  0,
                  ta,
                  ta == 0 ? 419 : 301,
                  0,
                  in.normal(419 * 517),
                  0,
                  tb,
                  tb == 0 ? 517 : 419,
                  0,
                  0,
                  NONE,
                  517,
                  0,
                  out,
                  0,
                  517,
                  0,
                  0));
    }
    // Few rows and a long sum, where threads would like to share one sum.
    assertSameBits(
        3 * 7,
        (f, in, out) ->
            f.matmul(
                1,
                3,
                7,
                40_000,
                1,
                in.normal(120_000),
                0,
                0,
                40_000,
                0,
                in.normal(280_000),
                0,
                1,
                40_000,
                0,
                0,
                NONE,
                7,
                0,
                out,
                0,
                7,
                0,
                0));
  }

  @Test
  void attentionHasTheSameBitsOnAnyNumberOfThreads() {
    int rows = 3 * 150;
    assertSameBits(
        rows * 6 * 32,
        (f, in, out) ->
            f.attention(0, in.normal(rows * 10 * 32), 3, 150, 6, 2, 32, 0.2f, out, NONE));
    assertSameBits(
        rows * 10 * 32,
        (f, in, out) -> {
          var qkv = in.normal(rows * 10 * 32);
          var y = in.scratch(rows * 6 * 32);
          var lse = in.scratch(rows * 6);
          f.attention(0, qkv, 3, 150, 6, 2, 32, 0.2f, y, lse);
          var dy = in.normal(rows * 6 * 32);
          var scratch = in.scratch(rows * 6);
          f.attentionGrad(0, qkv, y, lse, dy, 3, 150, 6, 2, 32, 0.2f, scratch, out);
        });
  }

  @Test
  void sumsOverRowsHaveTheSameBitsOnAnyNumberOfThreads() {
    int rows = 1999;
    assertSameBits(
        96,
        (f, in, out) ->
            f.rmsNormGrad(
                0,
                in.normal(rows * 96),
                in.normal(96),
                in.normal(rows),
                in.normal(rows * 96),
                NONE,
                rows,
                96,
                in.scratch(rows * 96),
                0,
                out));
    assertSameBits(
        11 * 96,
        (f, in, out) ->
            f.embeddingGrad(0, in.below(11, rows), in.normal(rows * 96), rows, 96, 11, 1, 0, out));
    assertSameBits(
        9 * 8, (f, in, out) -> f.qkBiasGrad(0, in.normal(rows * 96), rows, 6, 3, 8, 0, out));
    assertSameBits(1, (f, in, out) -> f.sumSquares(in.normal(1 << 20), 1 << 20, out));
    int n = (1 << 20) + 7;
    assertSameBits(
        n,
        (f, in, out) ->
            f.ellisAdam(
                out,
                in.normal(n),
                in.scratch(n),
                in.scratch(n),
                in.normal(5),
                in.normal(2),
                n,
                0.9f,
                0.95f,
                1e-6f,
                0.1f,
                1,
                1));
  }

  @Test
  void lossAndItsGradientsHaveTheSameBitsOnAnyNumberOfThreads() {
    int rows = 333;
    int vocabulary = 1013;
    assertSameBits(
        vocabulary * 64,
        (f, in, out) ->
            f.linearCrossEntropy(
                0,
                in.normal(rows * 64),
                in.normal(vocabulary * 64),
                in.below(vocabulary, rows),
                rows,
                64,
                vocabulary,
                128,
                1,
                0.1f,
                in.scratch(128 * vocabulary),
                in.scratch(2),
                in.scratch(rows * 64),
                0,
                out));
    assertSameBits(
        rows * 64,
        (f, in, out) ->
            f.linearCrossEntropy(
                0,
                in.normal(rows * 64),
                in.normal(vocabulary * 64),
                in.below(vocabulary, rows),
                rows,
                64,
                vocabulary,
                128,
                1,
                0.1f,
                in.scratch(128 * vocabulary),
                in.scratch(2),
                out,
                0,
                NONE));
  }

  @Test
  void aRefusalNamesWhatIsWrongInOneLine() {
    var library = library(2);
    try (var arena = Arena.ofConfined()) {
      var in = new Inputs(arena, new Random(SEED));
      var tokens = in.below(4, 8);
      tokens.setAtIndex(JAVA_INT, 5, 7);
      var table = in.normal(20);
      var out = in.scratch(40);
      var e =
          assertThrows(
              IllegalArgumentException.class,
              () -> library.embedding(0, table, 0, tokens, 8, 5, 4, 1, out));
      var message = String.valueOf(e.getMessage());
      assertEquals(1, message.lines().count(), message);
      assertTrue(message.contains("embedding") && message.contains("7"), message);
    }
  }

  @Test
  void threadsOutOfRangeAreTheCallersMistake() {
    library(1); // skips where this build has none
    var file = NativeFile.find("librondo_cpu.so");
    for (int threads : new int[] {-1, 0, 257, Integer.MAX_VALUE}) {
      var e = assertThrows(IllegalArgumentException.class, () -> Library.open(file, 0, threads));
      assertTrue(String.valueOf(e.getMessage()).contains("expected 1 to 256"), e.getMessage());
    }
  }

  @Test
  void aSecondClassLoaderOpensTheLibraryToo() throws ReflectiveOperationException {
    library(1);
    var file = NativeFile.find("librondo_cpu.so");
    try (var loader = new OtherLoader()) {
      var other = Class.forName(Library.class.getName(), true, loader);
      assertTrue(other != Library.class);
      var opened =
          other.getMethod("open", Path.class, int.class, int.class).invoke(null, file, 0, 1);
      other.getMethod("close").invoke(opened);
    } catch (java.io.IOException e) {
      throw new AssertionError(e);
    }
  }

  /** Defines the classes of the library's package once more. */
  private static final class OtherLoader extends java.net.URLClassLoader {
    OtherLoader() {
      super(
          new java.net.URL[] {Library.class.getProtectionDomain().getCodeSource().getLocation()},
          NativeFunctionsTest.class.getClassLoader());
    }

    @Override
    protected Class<?> loadClass(String name, boolean resolve) throws ClassNotFoundException {
      if (!name.startsWith("rondo.engine.nativelib.")) {
        return super.loadClass(name, resolve);
      }
      var found = findLoadedClass(name);
      return found == null ? findClass(name) : found;
    }
  }

  @Test
  void aFileThatIsNoLibraryIsRefusedByName(@TempDir Path folder) throws java.io.IOException {
    var file = Files.writeString(folder.resolve("librondo_cpu.so"), "no library");
    var e = assertThrows(IllegalStateException.class, () -> Library.open(file, 0, 1));
    assertTrue(String.valueOf(e.getMessage()).contains("cannot be loaded"), e.getMessage());
    e = assertThrows(IllegalStateException.class, () -> NativeFile.find("librondo_none.so"));
    assertTrue(String.valueOf(e.getMessage()).contains("not in this build"), e.getMessage());
  }
}
