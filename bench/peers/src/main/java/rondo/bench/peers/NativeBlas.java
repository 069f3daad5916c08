package rondo.bench.peers;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_INT;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.invoke.MethodHandle;
import java.nio.file.Path;
import rondo.bench.Blas;
import rondo.bench.Product;

/** {@code cblas_sgemm} of an opened library. */
final class NativeBlas implements Blas {
  private static final int ROW_MAJOR = 101;
  private static final int PLAIN = 111;
  private static final int TRANSPOSED = 112;
  private static final FunctionDescriptor SGEMM =
      FunctionDescriptor.ofVoid(
          JAVA_INT,
          JAVA_INT,
          JAVA_INT,
          JAVA_INT,
          JAVA_INT,
          JAVA_INT,
          JAVA_FLOAT,
          ADDRESS,
          JAVA_INT,
          ADDRESS,
          JAVA_INT,
          JAVA_FLOAT,
          ADDRESS,
          JAVA_INT);

  private final String name;
  private final MethodHandle sgemm;

  private NativeBlas(String name, SymbolLookup library) {
    this.name = name;
    sgemm = Linker.nativeLinker().downcallHandle(library.findOrThrow("cblas_sgemm"), SGEMM);
  }

  /** OpenBLAS from a folder with {@code libopenblas.so.0} and what it needs. */
  static NativeBlas openBlas(Path folder, int threads) {
    var library = open(folder.resolve("libopenblas.so.0"));
    set(library, "openblas_set_num_threads", threads);
    return new NativeBlas("OpenBLAS", library);
  }

  /** MKL from a folder with {@code libmkl_rt.so.3} and its siblings. */
  static NativeBlas mkl(Path folder, int threads) {
    // Its idle threads would spin for 200 ms and take the next contender's processors.
    set(open(folder.resolve("libiomp5.so")), "kmp_set_blocktime", 1);
    var library = open(folder.resolve("libmkl_rt.so.3"));
    set(library, "MKL_Set_Num_Threads", threads);
    return new NativeBlas("MKL", library);
  }

  private static SymbolLookup open(Path file) {
    return SymbolLookup.libraryLookup(file.toAbsolutePath(), Arena.global());
  }

  private static void set(SymbolLookup library, String function, int value) {
    var handle =
        Linker.nativeLinker()
            .downcallHandle(library.findOrThrow(function), FunctionDescriptor.ofVoid(JAVA_INT));
    try {
      handle.invokeExact(value);
    } catch (Throwable e) {
      throw new IllegalStateException(function + ": " + e.getMessage(), e);
    }
  }

  @Override
  public String name() {
    return name;
  }

  @Override
  public Runnable product(Product p, MemorySegment a, MemorySegment b, MemorySegment out) {
    int ta = p.transposeA() ? TRANSPOSED : PLAIN;
    int tb = p.transposeB() ? TRANSPOSED : PLAIN;
    int lda = p.transposeA() ? p.m() : p.k();
    int ldb = p.transposeB() ? p.k() : p.n();
    return () -> {
      try {
        sgemm.invokeExact(
            ROW_MAJOR, ta, tb, p.m(), p.n(), p.k(), 1f, a, lda, b, ldb, 0f, out, p.n());
      } catch (Throwable e) {
        throw new IllegalStateException(name + ": " + e.getMessage(), e);
      }
    };
  }
}
