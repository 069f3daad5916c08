package rondo.engine.nativelib;

import static java.lang.foreign.ValueLayout.ADDRESS;
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
 * One opened device library and one of its streams: the only class that touches native handles.
 * Handles are bound on first use, so a library that lacks a function fails where it is called, by
 * name.
 */
public final class Library implements Functions, AutoCloseable {
  /** {@code RONDO_CONTRACT} of the header that these signatures were written against. */
  public static final int CONTRACT = 2;

  /** {@code RONDO_INVALID}: an argument is wrong. */
  private static final int INVALID = 1;

  private final Path file;
  private final SymbolLookup symbols;
  private final Map<String, FunctionDescriptor> signatures = new LinkedHashMap<>();
  private final List<MemorySegment> graphs = new ArrayList<>();
  private MemorySegment stream = MemorySegment.NULL;

  private final Handle contractHandle = function("rondo_contract", JAVA_INT);
  private final Handle describeHandle = function("rondo_describe", ADDRESS);
  private final Handle errorHandle = function("rondo_error", ADDRESS);
  private final Handle streamCreateHandle =
      function("rondo_stream_create", JAVA_INT, JAVA_INT, JAVA_INT, ADDRESS);
  private final Handle streamDestroyHandle = operation("rondo_stream_destroy");
  private final Handle streamSynchronizeHandle = operation("rondo_stream_synchronize");
  private final Handle allocateHandle = operation("rondo_allocate", JAVA_LONG, ADDRESS);
  private final Handle releaseHandle = operation("rondo_release", ADDRESS, JAVA_LONG);
  private final Handle copyHandle = operation("rondo_copy", ADDRESS, ADDRESS, JAVA_LONG);
  private final Handle zeroHandle = operation("rondo_zero", ADDRESS, JAVA_LONG);
  private final Handle captureBeginHandle = operation("rondo_capture_begin");
  private final Handle captureEndHandle = operation("rondo_capture_end", ADDRESS);
  private final Handle graphLaunchHandle = operation("rondo_graph_launch", ADDRESS);
  private final Handle graphDestroyHandle = function("rondo_graph_destroy", JAVA_INT, ADDRESS);
  private final Handle addHandle = operation("rondo_add", ADDRESS, ADDRESS, JAVA_LONG, ADDRESS);
  private final Handle scaleHandle =
      operation("rondo_scale", ADDRESS, JAVA_FLOAT, JAVA_LONG, ADDRESS);
  private final Handle castHandle =
      operation("rondo_cast", ADDRESS, JAVA_INT, JAVA_LONG, ADDRESS, JAVA_INT);
  private final Handle gatedSiluHandle =
      operation("rondo_gated_silu", ADDRESS, JAVA_LONG, JAVA_LONG, ADDRESS);
  private final Handle gatedSiluGradHandle =
      operation("rondo_gated_silu_grad", ADDRESS, ADDRESS, JAVA_LONG, JAVA_LONG, ADDRESS);
  private final Handle matmulHandle =
      operation(
          "rondo_matmul",
          JAVA_LONG,
          JAVA_LONG,
          JAVA_LONG,
          JAVA_LONG,
          JAVA_FLOAT,
          ADDRESS,
          JAVA_INT,
          JAVA_INT,
          JAVA_LONG,
          JAVA_LONG,
          ADDRESS,
          JAVA_INT,
          JAVA_INT,
          JAVA_LONG,
          JAVA_LONG,
          JAVA_FLOAT,
          ADDRESS,
          JAVA_LONG,
          JAVA_LONG,
          ADDRESS,
          JAVA_INT,
          JAVA_LONG,
          JAVA_LONG,
          JAVA_INT);
  private final Handle embeddingHandle =
      operation(
          "rondo_embedding",
          ADDRESS,
          JAVA_INT,
          ADDRESS,
          JAVA_LONG,
          JAVA_LONG,
          JAVA_LONG,
          JAVA_FLOAT,
          ADDRESS);
  private final Handle embeddingGradHandle =
      operation(
          "rondo_embedding_grad",
          ADDRESS,
          ADDRESS,
          JAVA_LONG,
          JAVA_LONG,
          JAVA_LONG,
          JAVA_FLOAT,
          JAVA_INT,
          ADDRESS);
  private final Handle rmsNormHandle =
      operation(
          "rondo_rms_norm",
          ADDRESS,
          ADDRESS,
          ADDRESS,
          JAVA_FLOAT,
          JAVA_LONG,
          JAVA_LONG,
          ADDRESS,
          ADDRESS,
          ADDRESS);
  private final Handle rmsNormGradHandle =
      operation(
          "rondo_rms_norm_grad",
          ADDRESS,
          ADDRESS,
          ADDRESS,
          ADDRESS,
          ADDRESS,
          JAVA_LONG,
          JAVA_LONG,
          ADDRESS,
          JAVA_INT,
          ADDRESS);
  private final Handle qkBiasHandle =
      operation(
          "rondo_qk_bias", ADDRESS, ADDRESS, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, ADDRESS);
  private final Handle qkBiasGradHandle =
      operation(
          "rondo_qk_bias_grad",
          ADDRESS,
          JAVA_LONG,
          JAVA_LONG,
          JAVA_LONG,
          JAVA_LONG,
          JAVA_INT,
          ADDRESS);
  private final Handle qkNormHandle =
      operation(
          "rondo_qk_norm",
          ADDRESS,
          ADDRESS,
          ADDRESS,
          JAVA_FLOAT,
          JAVA_LONG,
          JAVA_LONG,
          JAVA_LONG,
          JAVA_LONG,
          ADDRESS,
          ADDRESS);
  private final Handle qkNormGradHandle =
      operation(
          "rondo_qk_norm_grad",
          ADDRESS,
          ADDRESS,
          ADDRESS,
          ADDRESS,
          ADDRESS,
          JAVA_LONG,
          JAVA_LONG,
          JAVA_LONG,
          JAVA_LONG,
          ADDRESS,
          JAVA_INT,
          ADDRESS,
          ADDRESS);
  private final Handle rotaryHandle =
      operation(
          "rondo_rotary",
          ADDRESS,
          ADDRESS,
          ADDRESS,
          JAVA_LONG,
          JAVA_LONG,
          JAVA_LONG,
          JAVA_LONG,
          JAVA_LONG,
          JAVA_INT,
          JAVA_INT,
          ADDRESS);
  private final Handle attentionHandle =
      operation(
          "rondo_attention",
          ADDRESS,
          JAVA_LONG,
          JAVA_LONG,
          JAVA_LONG,
          JAVA_LONG,
          JAVA_LONG,
          JAVA_FLOAT,
          ADDRESS,
          ADDRESS);
  private final Handle attentionGradHandle =
      operation(
          "rondo_attention_grad",
          ADDRESS,
          ADDRESS,
          ADDRESS,
          ADDRESS,
          JAVA_LONG,
          JAVA_LONG,
          JAVA_LONG,
          JAVA_LONG,
          JAVA_LONG,
          JAVA_FLOAT,
          ADDRESS);
  private final Handle cacheAppendHandle =
      operation(
          "rondo_cache_append",
          ADDRESS,
          ADDRESS,
          JAVA_LONG,
          JAVA_LONG,
          JAVA_LONG,
          JAVA_LONG,
          JAVA_LONG,
          JAVA_LONG,
          ADDRESS);
  private final Handle cachedAttentionHandle =
      operation(
          "rondo_cached_attention",
          ADDRESS,
          ADDRESS,
          ADDRESS,
          JAVA_LONG,
          JAVA_LONG,
          JAVA_LONG,
          JAVA_LONG,
          JAVA_LONG,
          JAVA_LONG,
          JAVA_FLOAT,
          ADDRESS);
  private final Handle truncatedNormalHandle =
      operation("rondo_truncated_normal", ADDRESS, JAVA_FLOAT, JAVA_FLOAT, JAVA_LONG, ADDRESS);
  private final Handle linearCrossEntropyHandle =
      operation(
          "rondo_linear_cross_entropy",
          ADDRESS,
          ADDRESS,
          ADDRESS,
          JAVA_LONG,
          JAVA_LONG,
          JAVA_LONG,
          JAVA_LONG,
          JAVA_FLOAT,
          ADDRESS,
          ADDRESS,
          ADDRESS,
          JAVA_INT,
          ADDRESS);
  private final Handle sumSquaresHandle =
      operation("rondo_sum_squares", ADDRESS, JAVA_LONG, ADDRESS);
  private final Handle clipFactorHandle =
      operation("rondo_clip_factor", ADDRESS, JAVA_FLOAT, ADDRESS);
  private final Handle adamwHandle =
      operation(
          "rondo_adamw",
          ADDRESS,
          ADDRESS,
          ADDRESS,
          ADDRESS,
          ADDRESS,
          ADDRESS,
          JAVA_LONG,
          JAVA_FLOAT,
          JAVA_FLOAT,
          JAVA_FLOAT,
          JAVA_FLOAT);
  private final Handle muonMomentumHandle =
      operation("rondo_muon_momentum", ADDRESS, ADDRESS, ADDRESS, JAVA_LONG, JAVA_FLOAT, ADDRESS);
  private final Handle normalizeMatricesHandle =
      operation(
          "rondo_normalize_matrices", ADDRESS, JAVA_LONG, JAVA_LONG, JAVA_FLOAT, ADDRESS, JAVA_INT);
  private final Handle muonApplyHandle =
      operation(
          "rondo_muon_apply",
          ADDRESS,
          ADDRESS,
          JAVA_INT,
          ADDRESS,
          JAVA_LONG,
          JAVA_FLOAT,
          JAVA_FLOAT);

  private Library(Path file, SymbolLookup symbols) {
    this.file = file;
    this.symbols = symbols;
  }

  /**
   * Opens a library and one stream on it.
   *
   * @param device which GPU; 0 on a processor
   * @param threads worker threads of the stream, the calling thread included: 1 to 256; a GPU
   *     ignores it
   * @throws IllegalArgumentException when there cannot be so many threads
   * @throws IllegalStateException when the file cannot be loaded, speaks another contract or cannot
   *     start its threads
   */
  public static Library open(Path file, int device, int threads) {
    Library library;
    try {
      library = new Library(file, SymbolLookup.libraryLookup(file, Arena.global()));
    } catch (IllegalArgumentException e) {
      throw new IllegalStateException(file + ": cannot be loaded: " + reason(file, e), e);
    }
    library.start(device, threads);
    return library;
  }

  /**
   * Why a library cannot be opened: System.load names the missing dependency, libraryLookup does
   * not. It is not asked first because it loads a file for one class loader of the process only.
   */
  private static @Nullable String reason(Path file, IllegalArgumentException e) {
    try {
      System.load(file.toAbsolutePath().toString());
      return e.getMessage();
    } catch (UnsatisfiedLinkError better) {
      return better.getMessage();
    }
  }

  /** What is bound so far or may be: C name to signature, in the order of the header. */
  static Map<String, FunctionDescriptor> signatures() {
    return new Library(Path.of("none"), name -> java.util.Optional.empty()).signatures;
  }

  private void start(int device, int threads) {
    try (var arena = Arena.ofConfined()) {
      int found = (int) contractHandle.get().invokeExact();
      if (found != CONTRACT) {
        throw new IllegalStateException(
            file + ": speaks contract " + found + ", expected " + CONTRACT + "; rebuild kernels/");
      }
      var out = arena.allocate(ADDRESS);
      check((int) streamCreateHandle.get().invokeExact(device, threads, out));
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
      return text((MemorySegment) describeHandle.get().invokeExact());
    } catch (Throwable t) {
      throw failed(t);
    }
  }

  /** Waits for everything enqueued. */
  public void synchronize() {
    try {
      check((int) streamSynchronizeHandle.get().invokeExact(stream));
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
      check((int) captureBeginHandle.get().invokeExact(stream));
      var out = arena.allocate(ADDRESS);
      Throwable failure = null;
      try {
        launches.run();
      } catch (RuntimeException | Error e) {
        failure = e; // the recording has to end all the same
      }
      int code = (int) captureEndHandle.get().invokeExact(stream, out);
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
      check((int) graphLaunchHandle.get().invokeExact(stream, graph));
    } catch (Throwable t) {
      throw failed(t);
    }
  }

  /**
   * Zeroed device memory that lives as long as an arena, which has to be closed before this
   * library. The segment is sized, which on a GPU does not make it readable.
   */
  public MemorySegment allocate(long bytes, Arena lifetime) {
    try (var arena = Arena.ofConfined()) {
      var out = arena.allocate(ADDRESS);
      check((int) allocateHandle.get().invokeExact(stream, bytes, out));
      return out.get(ADDRESS, 0).reinterpret(bytes, lifetime, memory -> release(memory, bytes));
    } catch (Throwable t) {
      throw failed(t);
    }
  }

  private void release(MemorySegment memory, long bytes) {
    if (stream.address() == 0) {
      throw new IllegalStateException("device memory must be closed before its device");
    }
    try {
      check((int) releaseHandle.get().invokeExact(stream, memory, bytes));
    } catch (Throwable t) {
      throw failed(t);
    }
  }

  @Override
  public void close() {
    if (stream.address() != 0) {
      try {
        for (var graph : graphs) {
          check((int) graphDestroyHandle.get().invokeExact(graph));
        }
        graphs.clear();
        check((int) streamDestroyHandle.get().invokeExact(stream));
      } catch (Throwable t) {
        throw failed(t);
      }
      stream = MemorySegment.NULL;
    }
  }

  @Override
  public void copy(MemorySegment from, MemorySegment to, long bytes) {
    try {
      check((int) copyHandle.get().invokeExact(stream, from, to, bytes));
    } catch (Throwable t) {
      throw failed(t);
    }
  }

  @Override
  public void zero(MemorySegment memory, long bytes) {
    try {
      check((int) zeroHandle.get().invokeExact(stream, memory, bytes));
    } catch (Throwable t) {
      throw failed(t);
    }
  }

  @Override
  public void add(MemorySegment a, MemorySegment b, long n, MemorySegment out) {
    try {
      check((int) addHandle.get().invokeExact(stream, a, b, n, out));
    } catch (Throwable t) {
      throw failed(t);
    }
  }

  @Override
  public void scale(MemorySegment x, float factor, long n, MemorySegment out) {
    try {
      check((int) scaleHandle.get().invokeExact(stream, x, factor, n, out));
    } catch (Throwable t) {
      throw failed(t);
    }
  }

  @Override
  public void cast(MemorySegment x, int from, long n, MemorySegment out, int to) {
    try {
      check((int) castHandle.get().invokeExact(stream, x, from, n, out, to));
    } catch (Throwable t) {
      throw failed(t);
    }
  }

  @Override
  public void gatedSilu(MemorySegment x, long rows, long width, MemorySegment y) {
    try {
      check((int) gatedSiluHandle.get().invokeExact(stream, x, rows, width, y));
    } catch (Throwable t) {
      throw failed(t);
    }
  }

  @Override
  public void gatedSiluGrad(
      MemorySegment x, MemorySegment dy, long rows, long width, MemorySegment dx) {
    try {
      check((int) gatedSiluGradHandle.get().invokeExact(stream, x, dy, rows, width, dx));
    } catch (Throwable t) {
      throw failed(t);
    }
  }

  @Override
  public void matmul(
      long batch,
      long m,
      long n,
      long k,
      float alpha,
      MemorySegment a,
      int aType,
      int transposeA,
      long aLd,
      long aStep,
      MemorySegment b,
      int bType,
      int transposeB,
      long bLd,
      long bStep,
      float beta,
      MemorySegment c,
      long cLd,
      long cStep,
      MemorySegment out,
      int outType,
      long outLd,
      long outStep,
      int symmetric) {
    try {
      check(
          (int)
              matmulHandle
                  .get()
                  .invokeExact(
                      stream,
                      batch,
                      m,
                      n,
                      k,
                      alpha,
                      a,
                      aType,
                      transposeA,
                      aLd,
                      aStep,
                      b,
                      bType,
                      transposeB,
                      bLd,
                      bStep,
                      beta,
                      c,
                      cLd,
                      cStep,
                      out,
                      outType,
                      outLd,
                      outStep,
                      symmetric));
    } catch (Throwable t) {
      throw failed(t);
    }
  }

  @Override
  public void embedding(
      MemorySegment table,
      int tableType,
      MemorySegment tokens,
      long rows,
      long width,
      long vocab,
      float scale,
      MemorySegment y) {
    try {
      check(
          (int)
              embeddingHandle
                  .get()
                  .invokeExact(stream, table, tableType, tokens, rows, width, vocab, scale, y));
    } catch (Throwable t) {
      throw failed(t);
    }
  }

  @Override
  public void embeddingGrad(
      MemorySegment tokens,
      MemorySegment dy,
      long rows,
      long width,
      long vocab,
      float scale,
      int accumulate,
      MemorySegment dtable) {
    try {
      check(
          (int)
              embeddingGradHandle
                  .get()
                  .invokeExact(stream, tokens, dy, rows, width, vocab, scale, accumulate, dtable));
    } catch (Throwable t) {
      throw failed(t);
    }
  }

  @Override
  public void rmsNorm(
      MemorySegment x,
      MemorySegment residual,
      MemorySegment gain,
      float eps,
      long rows,
      long width,
      MemorySegment sum,
      MemorySegment y,
      MemorySegment rstd) {
    try {
      check(
          (int)
              rmsNormHandle
                  .get()
                  .invokeExact(stream, x, residual, gain, eps, rows, width, sum, y, rstd));
    } catch (Throwable t) {
      throw failed(t);
    }
  }

  @Override
  public void rmsNormGrad(
      MemorySegment x,
      MemorySegment gain,
      MemorySegment rstd,
      MemorySegment dy,
      MemorySegment carry,
      long rows,
      long width,
      MemorySegment dx,
      int accumulateDgain,
      MemorySegment dgain) {
    try {
      check(
          (int)
              rmsNormGradHandle
                  .get()
                  .invokeExact(
                      stream, x, gain, rstd, dy, carry, rows, width, dx, accumulateDgain, dgain));
    } catch (Throwable t) {
      throw failed(t);
    }
  }

  @Override
  public void qkBias(
      MemorySegment qkv,
      MemorySegment bias,
      long rows,
      long heads,
      long kvHeads,
      long headDim,
      MemorySegment out) {
    try {
      check(
          (int)
              qkBiasHandle
                  .get()
                  .invokeExact(stream, qkv, bias, rows, heads, kvHeads, headDim, out));
    } catch (Throwable t) {
      throw failed(t);
    }
  }

  @Override
  public void qkBiasGrad(
      MemorySegment dout,
      long rows,
      long heads,
      long kvHeads,
      long headDim,
      int accumulate,
      MemorySegment dbias) {
    try {
      check(
          (int)
              qkBiasGradHandle
                  .get()
                  .invokeExact(stream, dout, rows, heads, kvHeads, headDim, accumulate, dbias));
    } catch (Throwable t) {
      throw failed(t);
    }
  }

  @Override
  public void qkNorm(
      MemorySegment qkv,
      MemorySegment qGain,
      MemorySegment kGain,
      float eps,
      long rows,
      long heads,
      long kvHeads,
      long headDim,
      MemorySegment out,
      MemorySegment rstd) {
    try {
      check(
          (int)
              qkNormHandle
                  .get()
                  .invokeExact(
                      stream, qkv, qGain, kGain, eps, rows, heads, kvHeads, headDim, out, rstd));
    } catch (Throwable t) {
      throw failed(t);
    }
  }

  @Override
  public void qkNormGrad(
      MemorySegment qkv,
      MemorySegment qGain,
      MemorySegment kGain,
      MemorySegment rstd,
      MemorySegment dout,
      long rows,
      long heads,
      long kvHeads,
      long headDim,
      MemorySegment dqkv,
      int accumulateGains,
      MemorySegment dqGain,
      MemorySegment dkGain) {
    try {
      check(
          (int)
              qkNormGradHandle
                  .get()
                  .invokeExact(
                      stream,
                      qkv,
                      qGain,
                      kGain,
                      rstd,
                      dout,
                      rows,
                      heads,
                      kvHeads,
                      headDim,
                      dqkv,
                      accumulateGains,
                      dqGain,
                      dkGain));
    } catch (Throwable t) {
      throw failed(t);
    }
  }

  @Override
  public void rotary(
      MemorySegment qkv,
      MemorySegment positions,
      MemorySegment table,
      long tableRows,
      long rows,
      long heads,
      long kvHeads,
      long headDim,
      int interleaved,
      int inverse,
      MemorySegment out) {
    try {
      check(
          (int)
              rotaryHandle
                  .get()
                  .invokeExact(
                      stream,
                      qkv,
                      positions,
                      table,
                      tableRows,
                      rows,
                      heads,
                      kvHeads,
                      headDim,
                      interleaved,
                      inverse,
                      out));
    } catch (Throwable t) {
      throw failed(t);
    }
  }

  @Override
  public void attention(
      MemorySegment qkv,
      long batch,
      long time,
      long heads,
      long kvHeads,
      long headDim,
      float scale,
      MemorySegment out,
      MemorySegment lse) {
    try {
      check(
          (int)
              attentionHandle
                  .get()
                  .invokeExact(stream, qkv, batch, time, heads, kvHeads, headDim, scale, out, lse));
    } catch (Throwable t) {
      throw failed(t);
    }
  }

  @Override
  public void attentionGrad(
      MemorySegment qkv,
      MemorySegment out,
      MemorySegment lse,
      MemorySegment dout,
      long batch,
      long time,
      long heads,
      long kvHeads,
      long headDim,
      float scale,
      MemorySegment dqkv) {
    try {
      check(
          (int)
              attentionGradHandle
                  .get()
                  .invokeExact(
                      stream, qkv, out, lse, dout, batch, time, heads, kvHeads, headDim, scale,
                      dqkv));
    } catch (Throwable t) {
      throw failed(t);
    }
  }

  @Override
  public void cacheAppend(
      MemorySegment qkv,
      MemorySegment start,
      long batch,
      long time,
      long heads,
      long kvHeads,
      long headDim,
      long capacity,
      MemorySegment cache) {
    try {
      check(
          (int)
              cacheAppendHandle
                  .get()
                  .invokeExact(
                      stream, qkv, start, batch, time, heads, kvHeads, headDim, capacity, cache));
    } catch (Throwable t) {
      throw failed(t);
    }
  }

  @Override
  public void cachedAttention(
      MemorySegment qkv,
      MemorySegment cache,
      MemorySegment start,
      long batch,
      long time,
      long heads,
      long kvHeads,
      long headDim,
      long capacity,
      float scale,
      MemorySegment out) {
    try {
      check(
          (int)
              cachedAttentionHandle
                  .get()
                  .invokeExact(
                      stream, qkv, cache, start, batch, time, heads, kvHeads, headDim, capacity,
                      scale, out));
    } catch (Throwable t) {
      throw failed(t);
    }
  }

  @Override
  public void truncatedNormal(MemorySegment key, float std, float cut, long n, MemorySegment out) {
    try {
      check((int) truncatedNormalHandle.get().invokeExact(stream, key, std, cut, n, out));
    } catch (Throwable t) {
      throw failed(t);
    }
  }

  @Override
  public void linearCrossEntropy(
      MemorySegment x,
      MemorySegment head,
      MemorySegment targets,
      long rows,
      long width,
      long vocab,
      long chunkRows,
      float gradScale,
      MemorySegment scratch,
      MemorySegment loss,
      MemorySegment dx,
      int accumulateDhead,
      MemorySegment dhead) {
    try {
      check(
          (int)
              linearCrossEntropyHandle
                  .get()
                  .invokeExact(
                      stream,
                      x,
                      head,
                      targets,
                      rows,
                      width,
                      vocab,
                      chunkRows,
                      gradScale,
                      scratch,
                      loss,
                      dx,
                      accumulateDhead,
                      dhead));
    } catch (Throwable t) {
      throw failed(t);
    }
  }

  @Override
  public void sumSquares(MemorySegment x, long n, MemorySegment out) {
    try {
      check((int) sumSquaresHandle.get().invokeExact(stream, x, n, out));
    } catch (Throwable t) {
      throw failed(t);
    }
  }

  @Override
  public void clipFactor(MemorySegment sumSquares, float maxNorm, MemorySegment out) {
    try {
      check((int) clipFactorHandle.get().invokeExact(stream, sumSquares, maxNorm, out));
    } catch (Throwable t) {
      throw failed(t);
    }
  }

  @Override
  public void adamw(
      MemorySegment p,
      MemorySegment g,
      MemorySegment m,
      MemorySegment v,
      MemorySegment control,
      MemorySegment clip,
      long n,
      float beta1,
      float beta2,
      float eps,
      float weightDecay) {
    try {
      check(
          (int)
              adamwHandle
                  .get()
                  .invokeExact(
                      stream, p, g, m, v, control, clip, n, beta1, beta2, eps, weightDecay));
    } catch (Throwable t) {
      throw failed(t);
    }
  }

  @Override
  public void muonMomentum(
      MemorySegment m,
      MemorySegment g,
      MemorySegment clip,
      long n,
      float momentum,
      MemorySegment u) {
    try {
      check((int) muonMomentumHandle.get().invokeExact(stream, m, g, clip, n, momentum, u));
    } catch (Throwable t) {
      throw failed(t);
    }
  }

  @Override
  public void normalizeMatrices(
      MemorySegment x, long batch, long n, float eps, MemorySegment out, int outType) {
    try {
      check(
          (int) normalizeMatricesHandle.get().invokeExact(stream, x, batch, n, eps, out, outType));
    } catch (Throwable t) {
      throw failed(t);
    }
  }

  @Override
  public void muonApply(
      MemorySegment p,
      MemorySegment o,
      int oType,
      MemorySegment control,
      long n,
      float scale,
      float weightDecay) {
    try {
      check(
          (int)
              muonApplyHandle
                  .get()
                  .invokeExact(stream, p, o, oType, control, n, scale, weightDecay));
    } catch (Throwable t) {
      throw failed(t);
    }
  }

  /** A function of the library that takes a stream first and returns a status. */
  private Handle operation(String name, MemoryLayout... rest) {
    var arguments = new MemoryLayout[rest.length + 1];
    arguments[0] = ADDRESS;
    System.arraycopy(rest, 0, arguments, 1, rest.length);
    return function(name, JAVA_INT, arguments);
  }

  private Handle function(String name, MemoryLayout result, MemoryLayout... arguments) {
    var signature = FunctionDescriptor.of(result, arguments);
    signatures.put(name, signature);
    return new Handle(name, signature);
  }

  private void check(int code) throws Throwable {
    if (code != 0) {
      var message = text((MemorySegment) errorHandle.get().invokeExact());
      var line = message.isEmpty() ? "status " + code : message;
      throw code == INVALID ? new IllegalArgumentException(line) : new NativeException(code, line);
    }
  }

  private static String text(MemorySegment pointer) {
    return pointer.address() == 0 ? "" : pointer.reinterpret(Long.MAX_VALUE).getString(0);
  }

  private static RuntimeException failed(Throwable t) {
    return switch (t) {
      case RuntimeException e -> e;
      case Error e -> throw e;
      default -> new IllegalStateException(t);
    };
  }

  /** A downcall handle, bound when first needed. */
  private final class Handle {
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
