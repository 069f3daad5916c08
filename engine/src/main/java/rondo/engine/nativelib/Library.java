package rondo.engine.nativelib;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * A device library, opened with one stream: its operations, one handle and one method for each
 * function of {@code rondo.h}.
 */
public final class Library extends NativeStream {
  private final Handle add = operation("rondo_add", "ipplp");
  private final Handle scale = operation("rondo_scale", "ipflp");
  private final Handle cast = operation("rondo_cast", "pilpi");
  private final Handle firstNonfinite = operation("rondo_first_nonfinite", "iplp");
  private final Handle gatedSilu = operation("rondo_gated_silu", "ipllp");
  private final Handle gatedSiluGrad = operation("rondo_gated_silu_grad", "ippllp");
  private final Handle matmul = operation("rondo_matmul", "llllfpiillpiillfpllpilli");
  private final Handle quantizeRows = operation("rondo_quantize_rows", "pllpip");
  private final Handle quantizedLinear = operation("rondo_quantized_linear", "iplpipllp");
  private final Handle embedding = operation("rondo_embedding", "ipiplllfp");
  private final Handle embeddingGrad = operation("rondo_embedding_grad", "ipplllfip");
  private final Handle rmsNorm = operation("rondo_rms_norm", "ipppfllppp");
  private final Handle rmsNormGrad = operation("rondo_rms_norm_grad", "ipppppllpip");
  private final Handle rotary = operation("rondo_rotary", "ippppfppllllliipp");
  private final Handle qkBiasGrad = operation("rondo_qk_bias_grad", "ipllllip");
  private final Handle qkNormGrad = operation("rondo_qk_norm_grad", "ipppppllllpipp");
  private final Handle attention = operation("rondo_attention", "iplllllfpp");
  private final Handle attentionGrad = operation("rondo_attention_grad", "ipppplllllfpp");
  private final Handle cacheAppend = operation("rondo_cache_append", "ippllllllp");
  private final Handle cachedAttention = operation("rondo_cached_attention", "ipppllllllfp");
  private final Handle truncatedNormal = operation("rondo_truncated_normal", "pfflp");
  private final Handle linearCrossEntropy =
      operation("rondo_linear_cross_entropy", "ipppllllffpppip");
  private final Handle linearDistillation =
      operation("rondo_linear_distillation", "ippppplllllffffpppip");
  private final Handle sumSquares = operation("rondo_sum_squares", "plp");
  private final Handle clipFactor = operation("rondo_clip_factor", "pfp");
  private final Handle adamw = operation("rondo_adamw", "pppppplffff");
  private final Handle ellisAdam = operation("rondo_ellis_adam", "pppppplffffii");
  private final Handle muonMomentum = operation("rondo_muon_momentum", "ppplfp");
  private final Handle normalizeMatrices = operation("rondo_normalize_matrices", "pllfpi");
  private final Handle muonApply = operation("rondo_muon_apply", "ppiplff");

  private Library(Path file, SymbolLookup symbols) {
    super(file, symbols);
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

  /** The signatures of all functions by C name, in the order of the header. */
  static Map<String, FunctionDescriptor> bindings() {
    return new Library(Path.of("none"), _ -> Optional.empty()).signatures();
  }

  @Override
  public void add(int type, MemorySegment a, MemorySegment b, long n, MemorySegment out) {
    try {
      check((int) add.get().invokeExact(stream, type, a, b, n, out));
    } catch (Throwable t) {
      throw failed(t);
    }
  }

  @Override
  public void scale(int type, MemorySegment x, float factor, long n, MemorySegment out) {
    try {
      check((int) scale.get().invokeExact(stream, type, x, factor, n, out));
    } catch (Throwable t) {
      throw failed(t);
    }
  }

  @Override
  public void cast(MemorySegment x, int from, long n, MemorySegment out, int to) {
    try {
      check((int) cast.get().invokeExact(stream, x, from, n, out, to));
    } catch (Throwable t) {
      throw failed(t);
    }
  }

  @Override
  public void firstNonfinite(int type, MemorySegment x, long n, MemorySegment out) {
    try {
      check((int) firstNonfinite.get().invokeExact(stream, type, x, n, out));
    } catch (Throwable t) {
      throw failed(t);
    }
  }

  @Override
  public void gatedSilu(int type, MemorySegment x, long rows, long width, MemorySegment y) {
    try {
      check((int) gatedSilu.get().invokeExact(stream, type, x, rows, width, y));
    } catch (Throwable t) {
      throw failed(t);
    }
  }

  @Override
  public void gatedSiluGrad(
      int type, MemorySegment x, MemorySegment dy, long rows, long width, MemorySegment dx) {
    try {
      check((int) gatedSiluGrad.get().invokeExact(stream, type, x, dy, rows, width, dx));
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
              matmul
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
  public void quantizeRows(
      MemorySegment w, long rows, long width, MemorySegment q, int qType, MemorySegment scale) {
    try {
      check((int) quantizeRows.get().invokeExact(stream, w, rows, width, q, qType, scale));
    } catch (Throwable t) {
      throw failed(t);
    }
  }

  @Override
  public void quantizedLinear(
      int type,
      MemorySegment x,
      long rows,
      MemorySegment q,
      int qType,
      MemorySegment scale,
      long n,
      long k,
      MemorySegment y) {
    try {
      check(
          (int) quantizedLinear.get().invokeExact(stream, type, x, rows, q, qType, scale, n, k, y));
    } catch (Throwable t) {
      throw failed(t);
    }
  }

  @Override
  public void embedding(
      int type,
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
              embedding
                  .get()
                  .invokeExact(
                      stream, type, table, tableType, tokens, rows, width, vocab, scale, y));
    } catch (Throwable t) {
      throw failed(t);
    }
  }

  @Override
  public void embeddingGrad(
      int type,
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
              embeddingGrad
                  .get()
                  .invokeExact(
                      stream, type, tokens, dy, rows, width, vocab, scale, accumulate, dtable));
    } catch (Throwable t) {
      throw failed(t);
    }
  }

  @Override
  public void rmsNorm(
      int type,
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
              rmsNorm
                  .get()
                  .invokeExact(stream, type, x, residual, gain, eps, rows, width, sum, y, rstd));
    } catch (Throwable t) {
      throw failed(t);
    }
  }

  @Override
  public void rmsNormGrad(
      int type,
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
              rmsNormGrad
                  .get()
                  .invokeExact(
                      stream,
                      type,
                      x,
                      gain,
                      rstd,
                      dy,
                      carry,
                      rows,
                      width,
                      dx,
                      accumulateDgain,
                      dgain));
    } catch (Throwable t) {
      throw failed(t);
    }
  }

  @Override
  public void rotary(
      int type,
      MemorySegment qkv,
      MemorySegment bias,
      MemorySegment qGain,
      MemorySegment kGain,
      float eps,
      MemorySegment positions,
      MemorySegment table,
      long tableRows,
      long rows,
      long heads,
      long kvHeads,
      long headDim,
      int interleaved,
      int inverse,
      MemorySegment out,
      MemorySegment rstd) {
    try {
      check(
          (int)
              rotary
                  .get()
                  .invokeExact(
                      stream,
                      type,
                      qkv,
                      bias,
                      qGain,
                      kGain,
                      eps,
                      positions,
                      table,
                      tableRows,
                      rows,
                      heads,
                      kvHeads,
                      headDim,
                      interleaved,
                      inverse,
                      out,
                      rstd));
    } catch (Throwable t) {
      throw failed(t);
    }
  }

  @Override
  public void qkBiasGrad(
      int type,
      MemorySegment d,
      long rows,
      long heads,
      long kvHeads,
      long headDim,
      int accumulate,
      MemorySegment dbias) {
    try {
      check(
          (int)
              qkBiasGrad
                  .get()
                  .invokeExact(stream, type, d, rows, heads, kvHeads, headDim, accumulate, dbias));
    } catch (Throwable t) {
      throw failed(t);
    }
  }

  @Override
  public void qkNormGrad(
      int type,
      MemorySegment qkv,
      MemorySegment qGain,
      MemorySegment kGain,
      MemorySegment rstd,
      MemorySegment d,
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
              qkNormGrad
                  .get()
                  .invokeExact(
                      stream,
                      type,
                      qkv,
                      qGain,
                      kGain,
                      rstd,
                      d,
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
  public void attention(
      int type,
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
              attention
                  .get()
                  .invokeExact(
                      stream, type, qkv, batch, time, heads, kvHeads, headDim, scale, out, lse));
    } catch (Throwable t) {
      throw failed(t);
    }
  }

  @Override
  public void attentionGrad(
      int type,
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
      MemorySegment scratch,
      MemorySegment dqkv) {
    try {
      check(
          (int)
              attentionGrad
                  .get()
                  .invokeExact(
                      stream, type, qkv, out, lse, dout, batch, time, heads, kvHeads, headDim,
                      scale, scratch, dqkv));
    } catch (Throwable t) {
      throw failed(t);
    }
  }

  @Override
  public void cacheAppend(
      int type,
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
              cacheAppend
                  .get()
                  .invokeExact(
                      stream, type, qkv, start, batch, time, heads, kvHeads, headDim, capacity,
                      cache));
    } catch (Throwable t) {
      throw failed(t);
    }
  }

  @Override
  public void cachedAttention(
      int type,
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
              cachedAttention
                  .get()
                  .invokeExact(
                      stream, type, qkv, cache, start, batch, time, heads, kvHeads, headDim,
                      capacity, scale, out));
    } catch (Throwable t) {
      throw failed(t);
    }
  }

  @Override
  public void truncatedNormal(MemorySegment key, float std, float cut, long n, MemorySegment out) {
    try {
      check((int) truncatedNormal.get().invokeExact(stream, key, std, cut, n, out));
    } catch (Throwable t) {
      throw failed(t);
    }
  }

  @Override
  public void linearCrossEntropy(
      int type,
      MemorySegment x,
      MemorySegment head,
      MemorySegment targets,
      long rows,
      long width,
      long vocab,
      long chunkRows,
      float gradScale,
      float z,
      MemorySegment scratch,
      MemorySegment loss,
      MemorySegment dx,
      int accumulateDhead,
      MemorySegment dhead) {
    try {
      check(
          (int)
              linearCrossEntropy
                  .get()
                  .invokeExact(
                      stream,
                      type,
                      x,
                      head,
                      targets,
                      rows,
                      width,
                      vocab,
                      chunkRows,
                      gradScale,
                      z,
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
  public void linearDistillation(
      int type,
      MemorySegment x,
      MemorySegment head,
      MemorySegment teacher,
      MemorySegment teacherHead,
      MemorySegment targets,
      long rows,
      long width,
      long teacherWidth,
      long vocab,
      long chunkRows,
      float gradScale,
      float z,
      float temperature,
      float weight,
      MemorySegment scratch,
      MemorySegment loss,
      MemorySegment dx,
      int accumulateDhead,
      MemorySegment dhead) {
    try {
      check(
          (int)
              linearDistillation
                  .get()
                  .invokeExact(
                      stream,
                      type,
                      x,
                      head,
                      teacher,
                      teacherHead,
                      targets,
                      rows,
                      width,
                      teacherWidth,
                      vocab,
                      chunkRows,
                      gradScale,
                      z,
                      temperature,
                      weight,
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
      check((int) sumSquares.get().invokeExact(stream, x, n, out));
    } catch (Throwable t) {
      throw failed(t);
    }
  }

  @Override
  public void clipFactor(MemorySegment sumSquares, float maxNorm, MemorySegment out) {
    try {
      check((int) clipFactor.get().invokeExact(stream, sumSquares, maxNorm, out));
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
              adamw
                  .get()
                  .invokeExact(
                      stream, p, g, m, v, control, clip, n, beta1, beta2, eps, weightDecay));
    } catch (Throwable t) {
      throw failed(t);
    }
  }

  @Override
  public void ellisAdam(
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
      float weightDecay,
      int updateClipping,
      int useAtan2) {
    try {
      check(
          (int)
              ellisAdam
                  .get()
                  .invokeExact(
                      stream,
                      p,
                      g,
                      m,
                      v,
                      control,
                      clip,
                      n,
                      beta1,
                      beta2,
                      eps,
                      weightDecay,
                      updateClipping,
                      useAtan2));
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
      check((int) muonMomentum.get().invokeExact(stream, m, g, clip, n, momentum, u));
    } catch (Throwable t) {
      throw failed(t);
    }
  }

  @Override
  public void normalizeMatrices(
      MemorySegment x, long batch, long n, float eps, MemorySegment out, int outType) {
    try {
      check((int) normalizeMatrices.get().invokeExact(stream, x, batch, n, eps, out, outType));
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
      check((int) muonApply.get().invokeExact(stream, p, o, oType, control, n, scale, weightDecay));
    } catch (Throwable t) {
      throw failed(t);
    }
  }
}
