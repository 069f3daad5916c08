package rondo.engine.nativelib;

import java.lang.foreign.MemorySegment;

/**
 * The operations of {@code rondo.h}, one method per function and in its order: what a device can
 * do. The header states formulas, shapes and limits. A pointer that is not wanted is {@link
 * MemorySegment#NULL}. A method throws {@link IllegalArgumentException} when an argument breaks the
 * header's rules, and {@link NativeException} when the library cannot do what it was rightly asked.
 */
public interface Functions {

  void copy(MemorySegment from, MemorySegment to, long bytes);

  void zero(MemorySegment memory, long bytes);

  void add(MemorySegment a, MemorySegment b, long n, MemorySegment out);

  void scale(MemorySegment x, float factor, long n, MemorySegment out);

  void cast(MemorySegment x, int from, long n, MemorySegment out, int to);

  void gatedSilu(MemorySegment x, long rows, long width, MemorySegment y);

  void gatedSiluGrad(MemorySegment x, MemorySegment dy, long rows, long width, MemorySegment dx);

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

  void embedding(
      MemorySegment table,
      int tableType,
      MemorySegment tokens,
      long rows,
      long width,
      long vocab,
      float scale,
      MemorySegment y);

  void embeddingGrad(
      MemorySegment tokens,
      MemorySegment dy,
      long rows,
      long width,
      long vocab,
      float scale,
      int accumulate,
      MemorySegment dtable);

  void rmsNorm(
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

  void qkBias(
      MemorySegment qkv,
      MemorySegment bias,
      long rows,
      long heads,
      long kvHeads,
      long headDim,
      MemorySegment out);

  void qkBiasGrad(
      MemorySegment dout,
      long rows,
      long heads,
      long kvHeads,
      long headDim,
      int accumulate,
      MemorySegment dbias);

  void qkNorm(
      MemorySegment qkv,
      MemorySegment qGain,
      MemorySegment kGain,
      float eps,
      long rows,
      long heads,
      long kvHeads,
      long headDim,
      MemorySegment out,
      MemorySegment rstd);

  void qkNormGrad(
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
      MemorySegment dkGain);

  void rotary(
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
      MemorySegment out);

  void attention(
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
      MemorySegment dqkv);

  void cacheAppend(
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
