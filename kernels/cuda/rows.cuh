/*
 * rows.cuh: what the norms share: RMSNorm of rows that lie ld apart, its gradient, and sums over columns.
 *
 * A group of threads, a warp for narrow rows and a block for wide ones, owns a row and passes over it twice; the second pass finds
 * it in the caches. Column sums go in chunks of rows fixed by the shape, to the stream's scratch, and are added in chunk order:
 * deterministic without atomics.
 */
#ifndef RONDO_CUDA_ROWS_CUH
#define RONDO_CUDA_ROWS_CUH

#include "device.h"

constexpr int ROW_THREADS = 256, NARROW = 1024, SUM_LANES = 8, SUM_CHUNKS = 64;

/* Rows of a launch: GROUP threads each. */
template <int GROUP> __device__ __forceinline__ float group_sum(float x, float *slots)
{
    if constexpr (GROUP == WARP) return warp_sum(x);
    else return block_sum(x, slots);
}

/* Rows [rows, width] of which the first element lies ld after that of the row before. */
struct Rows {
    const float *data;
    int64_t ld;
};

template <int GROUP>
__global__ void norm_kernel(Rows x, const float *residual, const float *gain, float eps, int64_t rows, int width, float *sum, float *y,
    int64_t y_ld, float *rstd, int rstd_step)
{
    SHARED_ARRAY(float, slots, WARP);
    int64_t r = (int64_t) blockIdx.x * (blockDim.x / GROUP) + threadIdx.x / GROUP;
    int lane = threadIdx.x % GROUP;
    if (GROUP == WARP && r >= rows) return;
    const float *from = x.data + r * x.ld, *other = residual ? residual + r * width : nullptr;
    float squares = 0;
    for (int i = lane; i < width; i += GROUP) {
        float v = other ? from[i] + other[i] : from[i];
        squares += v * v;
    }
    float scale = 1 / sqrtf(group_sum<GROUP>(squares, slots) / (float) width + eps);
    if (rstd && lane == 0) rstd[r * rstd_step] = scale;
    for (int i = lane; i < width; i += GROUP) {
        float v = other ? from[i] + other[i] : from[i];
        if (sum) sum[r * width + i] = v;
        y[r * y_ld + i] = v * scale * gain[i];
    }
}

/* x, dy and dx in rows that lie ld apart; carry dense. */
template <int GROUP>
__global__ void norm_grad_kernel(Rows x, const float *gain, const float *rstd, int rstd_step, Rows dy, const float *carry, int64_t rows,
    int width, float *dx, int64_t dx_ld)
{
    SHARED_ARRAY(float, slots, WARP);
    int64_t r = (int64_t) blockIdx.x * (blockDim.x / GROUP) + threadIdx.x / GROUP;
    int lane = threadIdx.x % GROUP;
    if (GROUP == WARP && r >= rows) return;
    const float *from = x.data + r * x.ld, *d = dy.data + r * dy.ld;
    float scale = rstd[r * rstd_step], dot = 0;
    for (int i = lane; i < width; i += GROUP) dot += d[i] * gain[i] * from[i];
    float mean = group_sum<GROUP>(dot, slots) * scale / (float) width;
    for (int i = lane; i < width; i += GROUP) {
        float v = scale * (d[i] * gain[i] - from[i] * scale * mean);
        dx[r * dx_ld + i] = carry ? v + carry[r * width + i] : v;
    }
}

inline void launch_norm(rondo_stream *s, Rows x, const float *residual, const float *gain, float eps, int64_t rows, int64_t width,
    float *sum, float *y, int64_t y_ld, float *rstd, int rstd_step)
{
    int columns = (int) width;
    if (width <= NARROW) {
        unsigned blocks = (unsigned) pieces(rows, ROW_THREADS / WARP);
        LAUNCH(norm_kernel<WARP>, blocks, ROW_THREADS, 0, s->stream, x, residual, gain, eps, rows, columns, sum, y, y_ld, rstd, rstd_step);
    } else {
        unsigned blocks = (unsigned) rows;
        LAUNCH(norm_kernel<ROW_THREADS>, blocks, ROW_THREADS, 0, s->stream, x, residual, gain, eps, rows, columns, sum, y, y_ld, rstd,
            rstd_step);
    }
}

inline void launch_norm_grad(rondo_stream *s, Rows x, const float *gain, const float *rstd, int rstd_step, Rows dy, const float *carry,
    int64_t rows, int64_t width, float *dx, int64_t dx_ld)
{
    int columns = (int) width;
    if (width <= NARROW) {
        unsigned blocks = (unsigned) pieces(rows, ROW_THREADS / WARP);
        LAUNCH(norm_grad_kernel<WARP>, blocks, ROW_THREADS, 0, s->stream, x, gain, rstd, rstd_step, dy, carry, rows, columns, dx, dx_ld);
    } else {
        unsigned blocks = (unsigned) rows;
        LAUNCH(norm_grad_kernel<ROW_THREADS>, blocks, ROW_THREADS, 0, s->stream, x, gain, rstd, rstd_step, dy, carry, rows, columns, dx,
            dx_ld);
    }
}

/* partials[chunk, c] = sum of term(r, c) over the rows of the chunk: 32 columns and SUM_LANES rows at a time. */
template <class Term> __global__ void column_chunks_kernel(Term term, int64_t rows, int64_t width, int64_t chunk_rows, float *partials)
{
    SHARED_ARRAY(float, sums, SUM_LANES * WARP);
    int64_t c = (int64_t) blockIdx.x * WARP + threadIdx.x, r0 = blockIdx.y * chunk_rows, r1 = lesser(r0 + chunk_rows, rows);
    float sum = 0;
    if (c < width)
        for (int64_t r = r0 + threadIdx.y; r < r1; r += SUM_LANES) sum += term(r, c);
    sums[threadIdx.y * WARP + threadIdx.x] = sum;
    __syncthreads();
    if (threadIdx.y > 0 || c >= width) return;
    for (int i = 1; i < SUM_LANES; i++) sum += sums[i * WARP + threadIdx.x];
    partials[blockIdx.y * width + c] = sum;
}

template <class Empty = void>
__global__ void add_chunks_kernel(const float *partials, int64_t chunks, int64_t width, int accumulate, float *out)
{
    for (int64_t c = first_index(); c < width; c += index_step()) {
        float sum = 0;
        for (int64_t i = 0; i < chunks; i++) sum += partials[i * width + c];
        out[c] = accumulate ? out[c] + sum : sum;
    }
}

/* out[c] (+)= sum over rows of term(r, c); width at most SCRATCH_FLOATS. */
template <class Term> void sum_columns(rondo_stream *s, Term term, int64_t rows, int64_t width, int accumulate, float *out)
{
    int64_t most_chunks = greater(1, lesser(SUM_CHUNKS, SCRATCH_FLOATS / width));
    int64_t chunk_rows = greater(4 * SUM_LANES, pieces(rows, most_chunks)), chunks = pieces(rows, chunk_rows);
    float *partials = s->scratch;
    if (chunks > 0) {
        dim3 blocks((unsigned) pieces(width, WARP), (unsigned) chunks), threads(WARP, SUM_LANES);
        LAUNCH(column_chunks_kernel<Term>, blocks, threads, 0, s->stream, term, rows, width, chunk_rows, partials);
    }
    LAUNCH(add_chunks_kernel<>, blocks_for(width, ROW_THREADS), ROW_THREADS, 0, s->stream, partials, chunks, width, accumulate, out);
}

#define CHECK_SUMS(op, width) \
    do { \
        if ((width) > SCRATCH_FLOATS) \
            return rondo_fail(RONDO_UNSUPPORTED, "rondo_" #op ": sums over %lld columns, expected at most %d", (long long) (width), \
                SCRATCH_FLOATS); \
    } while (0)

#endif
