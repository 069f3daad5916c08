/*
 * norm.h: the rows of RMSNorm, shared by rms_norm.c and qk.c, and sums over rows.
 *
 * Column sums over rows go in at most SUM_CHUNKS chunks of rows, each to its own row of partial sums in the stream's scratch,
 * added in chunk order: the same bits for every number of threads.
 */
#ifndef RONDO_CPU_NORM_H
#define RONDO_CPU_NORM_H

#include "kernels.h"
#include "simd.h"

enum { SUM_CHUNKS = 32, SUM_COLUMNS = 512 };

/* Rows of a chunk when a chunk keeps width partial sums. */
static inline int64_t sum_chunk_rows(int64_t rows, int64_t width)
{
    return chunk_rows(rows, most(1, 4096 / width), least(SUM_CHUNKS, RONDO_SHARED_SCRATCH / width));
}

/* out[j] (+)= sum over chunks of partials[chunk*ld + j], j < width. */
void K(combine_columns)(rondo_stream *s, const float *partials, int64_t chunks, int64_t ld, int64_t width, int accumulate, float *out);

INLINE float row_squares(const float *x, int64_t n)
{
    vf sum[4] = {{0}};
    int64_t i = 0;
    for (; i + 4 * VW <= n; i += 4 * VW)
        UNROLL for (int v = 0; v < 4; v++) sum[v] += load(x + i + v * VW) * load(x + i + v * VW);
    for (; i + VW <= n; i += VW) sum[0] += load(x + i) * load(x + i);
    float total = lane_sum((sum[0] + sum[1]) + (sum[2] + sum[3]));
    for (; i < n; i++) total += x[i] * x[i];
    return total;
}

/* sum of dy * gain * x. */
INLINE float row_dot(const float *dy, const float *gain, const float *x, int64_t n)
{
    vf sum[2] = {{0}};
    int64_t i = 0;
    for (; i + 2 * VW <= n; i += 2 * VW)
        UNROLL for (int v = 0; v < 2; v++) sum[v] += load(dy + i + v * VW) * load(gain + i + v * VW) * load(x + i + v * VW);
    for (; i + VW <= n; i += VW) sum[0] += load(dy + i) * load(gain + i) * load(x + i);
    float total = lane_sum(sum[0] + sum[1]);
    for (; i < n; i++) total += dy[i] * gain[i] * x[i];
    return total;
}

INLINE void row_scale(const float *x, const float *gain, float rstd, int64_t n, float *y)
{
    INDEPENDENT for (int64_t i = 0; i < n; i++) y[i] = x[i] * rstd * gain[i];
}

/* dx = rstd*(g - xhat*mean(g*xhat)) [+ carry]; dgain += dy*xhat unless null, before dx, which may be dy, is written. */
INLINE void row_grad(const float *x, const float *gain, float rstd, const float *dy, const float *carry, int64_t n, float *dgain,
    float *dx)
{
    float slope = rstd * rstd * rstd * row_dot(dy, gain, x, n) / (float) n;
    if (dgain)
        INDEPENDENT for (int64_t i = 0; i < n; i++) dgain[i] += dy[i] * (x[i] * rstd);
    if (carry)
        INDEPENDENT for (int64_t i = 0; i < n; i++) dx[i] = rstd * (dy[i] * gain[i]) - slope * x[i] + carry[i];
    else
        INDEPENDENT for (int64_t i = 0; i < n; i++) dx[i] = rstd * (dy[i] * gain[i]) - slope * x[i];
}

#endif
