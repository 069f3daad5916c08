package rondo.engine.nativelib;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * What a device can do: {@code rondo.h} but for streams and recordings, one method per function and
 * in its order. The header states formulas, shapes and limits. {@code type} is the {@link
 * rondo.engine.graph.DType#code} of the activations. A pointer that is not wanted is {@link
 * MemorySegment#NULL}. A method throws {@link IllegalArgumentException} when an argument breaks the
 * header's rules, and {@link NativeException} when the library cannot do what it was rightly asked.
 */
public interface Functions {
  /** Waits for everything enqueued. */
  void synchronize();

  /**
   * Zeroed device memory that lives as long as an arena. The segment is sized, which on a GPU does
   * not make it readable.
   */
  MemorySegment allocate(long bytes, Arena lifetime);

  /** Zeroed memory of the host, from and to which a GPU copies while the caller goes on. */
  MemorySegment allocateStaging(long bytes, Arena lifetime);

  /** Bytes of the device's memory. */
  record Memory(long unused, long total) {}

  Memory memory();

  void timerBegin();

  /** Seconds since {@link #timerBegin} by the device's clock. */
  double timerEnd();

  void copy(MemorySegment from, MemorySegment to, long bytes);

  void zero(MemorySegment memory, long bytes);

  void add(int type, MemorySegment a, MemorySegment b, long n, MemorySegment out);

  void scale(int type, MemorySegment x, float factor, long n, MemorySegment out);

  void cast(MemorySegment x, int from, long n, MemorySegment out, int to);

  void firstNonfinite(int type, MemorySegment x, long n, MemorySegment out);

  void gatedSilu(int type, MemorySegment x, long rows, long width, MemorySegment y);

  void gatedSiluGrad(
      int type, MemorySegment x, MemorySegment dy, long rows, long width, MemorySegment dx);

  void matmul(
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
      int symmetric);

  void quantizeRows(
      MemorySegment w, long rows, long width, MemorySegment q, int qType, MemorySegment scale);

  void quantizedLinear(
      int type,
      MemorySegment x,
      long rows,
      MemorySegment q,
      int qType,
      MemorySegment scale,
      long n,
      long k,
      MemorySegment y);

  void embedding(
      int type,
      MemorySegment table,
      int tableType,
      MemorySegment tokens,
      long rows,
      long width,
      long vocab,
      float scale,
      MemorySegment y);

  void embeddingGrad(
      int type,
      MemorySegment tokens,
      MemorySegment dy,
      long rows,
      long width,
      long vocab,
      float scale,
      int accumulate,
      MemorySegment dtable);

  void rmsNorm(
      int type,
      MemorySegment x,
      MemorySegment residual,
      MemorySegment gain,
      float eps,
      long rows,
      long width,
      MemorySegment sum,
      MemorySegment y,
      MemorySegment rstd);

  void rmsNormGrad(
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
      MemorySegment dgain);

  void rotary(
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
      MemorySegment rstd);

  void qkBiasGrad(
      int type,
      MemorySegment d,
      long rows,
      long heads,
      long kvHeads,
      long headDim,
      int accumulate,
      MemorySegment dbias);

  void qkNormGrad(
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
      MemorySegment dkGain);

  void attention(
      int type,
      MemorySegment qkv,
      long batch,
      long time,
      long heads,
      long kvHeads,
      long headDim,
      float scale,
      MemorySegment out,
      MemorySegment lse);

  void attentionGrad(
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
      MemorySegment dqkv);

  void cacheAppend(
      int type,
      MemorySegment qkv,
      MemorySegment start,
      long batch,
      long time,
      long heads,
      long kvHeads,
      long headDim,
      long capacity,
      MemorySegment cache);

  void cachedAttention(
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
      MemorySegment out);

  void truncatedNormal(MemorySegment key, float std, float cut, long n, MemorySegment out);

  void linearCrossEntropy(
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
      MemorySegment dhead);

  void linearDistillation(
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
      MemorySegment dhead);

  void sumSquares(MemorySegment x, long n, MemorySegment out);

  void clipFactor(MemorySegment sumSquares, float maxNorm, MemorySegment out);

  void adamw(
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
      float weightDecay);

  void ellisAdam(
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
      int useAtan2);

  void muonMomentum(
      MemorySegment m,
      MemorySegment g,
      MemorySegment clip,
      long n,
      float momentum,
      MemorySegment u);

  void normalizeMatrices(
      MemorySegment x, long batch, long n, float eps, MemorySegment out, int outType);

  void muonApply(
      MemorySegment p,
      MemorySegment o,
      int oType,
      MemorySegment control,
      long n,
      float scale,
      float weightDecay);
}
