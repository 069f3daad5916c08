/*
 * rows.cuh: what the norms share: RMSNorm of rows that lie ld apart, its gradient, and sums over columns.
 *
 * A group of threads, a warp for narrow rows and a block for wide ones, owns a row and keeps it in registers between its two passes
 * where it fits there and is aligned; else it reads it twice. Column sums go in chunks of rows fixed by the shape, to the stream's
 * scratch, and are added in chunk order: deterministic without atomics.
 */
#ifndef RONDO_CUDA_ROWS_CUH
#define RONDO_CUDA_ROWS_CUH

#include "vectors.cuh"

/* HELD: elements of a row that a thread keeps. SUM_CHUNKS: chunks of rows that blocks sum over, WARP_CHUNKS: that warps do. */
constexpr int ROW_THREADS = 256, NARROW = 1024, HELD = 32, SUM_LANES = 8, SUM_CHUNKS = 264, WARP_CHUNKS = 2048;

/* Rows of a launch: GROUP threads each. */
template <int GROUP> __device__ __forceinline__ float group_sum(float x, float *slots)
{
    if constexpr (GROUP == WARP) return warp_sum(x);
    else return block_sum(x, slots);
}

/* A row of each lies ld after the one before. */
template <class T> struct Rows {
    T *data;
    int64_t ld;
};

template <class T> struct Norm {
    Rows<const T> x;
    const T *residual;
    const float *gain;
    float eps;
    int64_t rows;
    int width;
    T *sum;
    Rows<T> y;
    float *rstd;
    int rstd_step;
};

/* N elements a thread and access; all of a row held in registers, or read twice when HOLDS is false. */
template <class T, int GROUP, int N, bool HOLDS> __global__ __launch_bounds__(ROW_THREADS, 4) void norm_kernel(Norm<T> job)
{
    SHARED_ARRAY(float, slots, WARP);
    int64_t r = (int64_t) blockIdx.x * (ROW_THREADS / GROUP) + threadIdx.x / GROUP;
    int lane = threadIdx.x % GROUP, width = job.width;
    if (GROUP == WARP && r >= job.rows) return;
    constexpr int PARTS = HOLDS ? HELD / N : 1;
    const T *from = job.x.data + r * job.x.ld, *residual = job.residual ? job.residual + r * width : nullptr;
    float held[PARTS][N], squares = 0;
    auto read = [&](int c, float (&x)[N]) {
        load(from + c, x);
        if (!residual) return;
        float other[N];
        load(residual + c, other);
        /* As it is stored, so that its gradient sees the same. */
        for (int e = 0; e < N; e++) x[e] = rounded<T>(x[e] + other[e]);
    };
    auto square = [&](const float (&x)[N]) {
        for (int e = 0; e < N; e++) squares += x[e] * x[e];
    };
    auto write = [&](int c, float (&x)[N], float scale) {
        if (job.sum) store(job.sum + r * width + c, x);
        float gain[N];
        load(job.gain + c, gain);
        for (int e = 0; e < N; e++) x[e] *= scale * gain[e];
        store(job.y.data + r * job.y.ld + c, x);
    };
    if constexpr (HOLDS) {
#pragma unroll
        for (int p = 0; p < PARTS; p++) {
            int c = (p * GROUP + lane) * N;
            if (c >= width) break;
            read(c, held[p]);
            square(held[p]);
        }
    } else {
        for (int c = lane * N; c < width; c += GROUP * N) {
            read(c, held[0]);
            square(held[0]);
        }
    }
    float scale = 1 / sqrtf(group_sum<GROUP>(squares, slots) / (float) width + job.eps);
    if (job.rstd && lane == 0) job.rstd[r * job.rstd_step] = scale;
    if constexpr (HOLDS) {
#pragma unroll
        for (int p = 0; p < PARTS; p++) {
            int c = (p * GROUP + lane) * N;
            if (c >= width) break;
            write(c, held[p], scale);
        }
    } else {
        for (int c = lane * N; c < width; c += GROUP * N) {
            read(c, held[0]);
            write(c, held[0], scale);
        }
    }
}

template <class T> struct NormGrad {
    Rows<const T> x;
    const float *gain, *rstd;
    int rstd_step;
    Rows<const T> dy;
    const T *carry;
    int64_t rows;
    int width;
    Rows<T> dx;
    /* Rows of a group, and its sums of dy*xhat, [groups, width]; null when nobody wants them. */
    int64_t chunk;
    float *partials;
};

/* Rows held in registers; a group takes a chunk of rows, whose sums for the gain's gradient it holds too. */
template <class T, int GROUP, int N, bool SUMS> __global__ __launch_bounds__(ROW_THREADS) void norm_grad_kernel(NormGrad<T> job)
{
    SHARED_ARRAY(float, slots, WARP);
    constexpr int PARTS = HELD / N;
    int64_t group = (int64_t) blockIdx.x * (ROW_THREADS / GROUP) + threadIdx.x / GROUP;
    int64_t r0 = group * job.chunk, r1 = lesser(r0 + job.chunk, job.rows);
    if (GROUP == WARP && r0 >= job.rows) return;
    int lane = threadIdx.x % GROUP, width = job.width;
    float sums[SUMS ? PARTS : 1][N] = {};
    for (int64_t r = r0; r < r1; r++) {
        const T *from = job.x.data + r * job.x.ld, *d = job.dy.data + r * job.dy.ld, *carry = job.carry ? job.carry + r * width : nullptr;
        T *to = job.dx.data + r * job.dx.ld;
        float scale = job.rstd[r * job.rstd_step], dot = 0, x[PARTS][N], g[PARTS][N];
#pragma unroll
        for (int p = 0; p < PARTS; p++) {
            int c = (p * GROUP + lane) * N;
            if (c >= width) break;
            float gain[N];
            load(from + c, x[p]);
            load(d + c, g[p]);
            load(job.gain + c, gain);
            for (int e = 0; e < N; e++) {
                x[p][e] *= scale;
                if constexpr (SUMS) sums[p][e] += g[p][e] * x[p][e];
                g[p][e] *= gain[e];
                dot += g[p][e] * x[p][e];
            }
        }
        float mean = group_sum<GROUP>(dot, slots) / (float) width;
#pragma unroll
        for (int p = 0; p < PARTS; p++) {
            int c = (p * GROUP + lane) * N;
            if (c >= width) break;
            for (int e = 0; e < N; e++) g[p][e] = scale * (g[p][e] - x[p][e] * mean);
            if (carry) {
                float more[N];
                load(carry + c, more);
                for (int e = 0; e < N; e++) g[p][e] += more[e];
            }
            store(to + c, g[p]);
        }
    }
    if constexpr (SUMS)
#pragma unroll
        for (int p = 0; p < PARTS; p++) {
            int c = (p * GROUP + lane) * N;
            if (c >= width) break;
            store(job.partials + group * width + c, sums[p]);
        }
}

/* The same for rows of any width and alignment, without sums: read twice. */
template <class T, int GROUP> __global__ __launch_bounds__(ROW_THREADS) void norm_grad_any_kernel(NormGrad<T> job)
{
    SHARED_ARRAY(float, slots, WARP);
    int64_t r = (int64_t) blockIdx.x * (ROW_THREADS / GROUP) + threadIdx.x / GROUP;
    int lane = threadIdx.x % GROUP, width = job.width;
    if (GROUP == WARP && r >= job.rows) return;
    const T *from = job.x.data + r * job.x.ld, *d = job.dy.data + r * job.dy.ld;
    float scale = job.rstd[r * job.rstd_step], dot = 0;
    for (int i = lane; i < width; i += GROUP) dot += get(d[i]) * job.gain[i] * get(from[i]);
    float mean = group_sum<GROUP>(dot, slots) * scale / (float) width;
    for (int i = lane; i < width; i += GROUP) {
        float v = scale * (get(d[i]) * job.gain[i] - get(from[i]) * scale * mean);
        put(job.dx.data + r * job.dx.ld + i, job.carry ? v + get(job.carry[r * width + i]) : v);
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

/* The same shape of work over the chunks themselves. */
template <class Empty = void>
__global__ void add_chunks_kernel(const float *partials, int64_t chunks, int64_t width, int accumulate, float *out)
{
    SHARED_ARRAY(float, sums, SUM_LANES * WARP);
    int64_t c = (int64_t) blockIdx.x * WARP + threadIdx.x;
    float sum = 0;
    if (c < width)
        for (int64_t i = threadIdx.y; i < chunks; i += SUM_LANES) sum += partials[i * width + c];
    sums[threadIdx.y * WARP + threadIdx.x] = sum;
    __syncthreads();
    if (threadIdx.y > 0 || c >= width) return;
    for (int i = 1; i < SUM_LANES; i++) sum += sums[i * WARP + threadIdx.x];
    out[c] = accumulate ? out[c] + sum : sum;
}

inline void add_chunks(rondo_stream *s, const float *partials, int64_t chunks, int64_t width, int accumulate, float *out)
{
    LAUNCH(add_chunks_kernel<>, (unsigned) pieces(width, WARP), dim3(WARP, SUM_LANES), 0, s->stream, partials, chunks, width, accumulate, out);
}

/* out[c] (+)= sum over rows of term(r, c). */
template <class Term> void sum_columns(rondo_stream *s, Term term, int64_t rows, int64_t width, int accumulate, float *out)
{
    int64_t most_chunks = greater(1, lesser(64, SCRATCH_FLOATS / width));
    int64_t chunk_rows = greater(4 * SUM_LANES, pieces(rows, most_chunks)), chunks = pieces(rows, chunk_rows);
    float *partials = s->scratch;
    if (chunks > 0) {
        dim3 blocks((unsigned) pieces(width, WARP), (unsigned) chunks), threads(WARP, SUM_LANES);
        LAUNCH(column_chunks_kernel<Term>, blocks, threads, 0, s->stream, term, rows, width, chunk_rows, partials);
    }
    add_chunks(s, partials, chunks, width, accumulate, out);
}

template <class T> void launch_norm(rondo_stream *s, Norm<T> job)
{
    constexpr int N = STEP<T, true>;
    bool wide = job.width % N == 0 && job.x.ld % N == 0 && job.y.ld % N == 0
        && aligned16(job.x.data, job.residual, job.gain, job.sum, job.y.data);
    if (job.width <= NARROW) {
        unsigned blocks = (unsigned) pieces(job.rows, ROW_THREADS / WARP);
        if (wide) LAUNCH((norm_kernel<T, WARP, N, true>), blocks, ROW_THREADS, 0, s->stream, job);
        else LAUNCH((norm_kernel<T, WARP, 1, true>), blocks, ROW_THREADS, 0, s->stream, job);
    } else {
        unsigned blocks = (unsigned) job.rows;
        if (wide && job.width <= HELD * ROW_THREADS) LAUNCH((norm_kernel<T, ROW_THREADS, N, true>), blocks, ROW_THREADS, 0, s->stream, job);
        else LAUNCH((norm_kernel<T, ROW_THREADS, 1, false>), blocks, ROW_THREADS, 0, s->stream, job);
    }
}

template <class T> struct GainTerm {
    Rows<const T> x, dy;
    const float *rstd;
    int rstd_step;
    __device__ float operator()(int64_t r, int64_t c) const
    {
        return get(dy.data[r * dy.ld + c]) * get(x.data[r * x.ld + c]) * rstd[r * rstd_step];
    }
};

template <class T, int GROUP> void launch_held_grad(rondo_stream *s, NormGrad<T> job, int accumulate, float *dgain)
{
    constexpr int N = STEP<T, true>;
    /* Scratch holds all chunks' sums: 264 * 8192 and 2048 * 1024 floats at most. */
    int64_t chunks = lesser(job.rows, GROUP == WARP ? WARP_CHUNKS : SUM_CHUNKS);
    job.chunk = dgain ? pieces(job.rows, chunks) : 1;
    job.partials = dgain ? s->scratch : nullptr;
    chunks = pieces(job.rows, job.chunk);
    unsigned blocks = (unsigned) pieces(chunks, ROW_THREADS / GROUP);
    if (!dgain) {
        LAUNCH((norm_grad_kernel<T, GROUP, N, false>), blocks, ROW_THREADS, 0, s->stream, job);
        return;
    }
    LAUNCH((norm_grad_kernel<T, GROUP, N, true>), blocks, ROW_THREADS, 0, s->stream, job);
    add_chunks(s, job.partials, chunks, job.width, accumulate, dgain);
}

/* dgain or null. */
template <class T> void launch_norm_grad(rondo_stream *s, NormGrad<T> job, int accumulate, float *dgain)
{
    constexpr int N = STEP<T, true>;
    bool wide = job.width % N == 0 && job.x.ld % N == 0 && job.dy.ld % N == 0 && job.dx.ld % N == 0
        && aligned16(job.x.data, job.gain, job.dy.data, job.carry, job.dx.data);
    if (job.rows > 0 && wide && job.width <= NARROW) {
        launch_held_grad<T, WARP>(s, job, accumulate, dgain);
        return;
    }
    if (job.rows > 0 && wide && job.width <= HELD * ROW_THREADS) {
        launch_held_grad<T, ROW_THREADS>(s, job, accumulate, dgain);
        return;
    }
    /* Before dx, which may be dy. */
    if (dgain) sum_columns(s, GainTerm<T>{job.x, job.dy, job.rstd, job.rstd_step}, job.rows, job.width, accumulate, dgain);
    if (job.rows == 0) return;
    unsigned narrow_blocks = (unsigned) pieces(job.rows, ROW_THREADS / WARP), blocks = (unsigned) job.rows;
    if (job.width <= NARROW) LAUNCH((norm_grad_any_kernel<T, WARP>), narrow_blocks, ROW_THREADS, 0, s->stream, job);
    else LAUNCH((norm_grad_any_kernel<T, ROW_THREADS>), blocks, ROW_THREADS, 0, s->stream, job);
}

#endif
