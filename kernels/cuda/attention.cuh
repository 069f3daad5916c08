/*
 * attention.cuh: what the attention kernels share: the job, the order of its tiles, and rows and sums on ordinary cores.
 *
 * On ordinary cores a block has four warps and a tile of TILE rows; four neighbouring lanes own a row. A lane holds the scores of every
 * fourth column of the tile and every fourth element of the head: a row's maximum and sum are two shuffles away.
 */
#ifndef RONDO_CUDA_ATTENTION_CUH
#define RONDO_CUDA_ATTENTION_CUH

#include "vectors.cuh"

constexpr int TILE = 32, QUAD = 4, THREADS = TILE * QUAD;

/*
 * Rows of queries lie q_ld apart and those of a sequence begin q_step after those of the one before; keys and values likewise. Query
 * t of sequence b stands at position start[b] + t (without start: t) and sees the keys up to there.
 */
template <class T> struct AttentionJob {
    const T *q, *k, *v;
    int64_t q_ld, q_step, kv_ld, kv_step;
    const int32_t *start;
    int capacity, time, heads, kv_heads, head_dim;
    float scale;
    T *out;
    float *lse;
    Refusal *refusal;
    /* Tiles of as many heads as this run at a time, so that their keys and values stay in the second-level cache. */
    int batch, section;
};

/* attention.cu: enqueues the forward kernel that fits the job. */
template <class T> void attend(rondo_stream *s, AttentionJob<T> job);

/* Where sequence b stands; refuses what does not fit the cache. */
template <class Job> __device__ __forceinline__ bool standing(const Job &job, int b, int &start)
{
    start = job.start ? job.start[b] : 0;
    if (!job.start || (start >= 0 && start <= job.capacity - job.time)) return true;
    if (threadIdx.x == 0) refuse(job.refusal, CHECK_CACHED_ATTENTION, b, start, job.capacity - job.time);
    return false;
}

/* A block's tile, head and sequence: section by section of heads, and there the given tile first for all heads, then the next. */
struct Place {
    int tile, head, sequence;
};
__device__ __forceinline__ Place place_of(int tiles, int heads, int batch, int section)
{
    int block = blockIdx.x, all = section * tiles, pairs = heads * batch;
    int part = block / all, rest = block % all;
    int count = (int) lesser(section, pairs - part * section), pair = part * section + rest % count;
    return {rest / count, pair % heads, pair / heads};
}

/* The section for heads, group of which share keys and values of this many bytes. */
inline int section_of(int64_t heads, int64_t batch, int64_t group, int64_t bytes)
{
    constexpr int64_t CACHED = 16 << 20;
    return (int) lesser(heads * batch, greater(CACHED / greater(bytes, 1), 1) * group);
}

__device__ __forceinline__ float quad_sum(float x)
{
    x += __shfl_xor_sync(ALL_LANES, x, 1);
    return x + __shfl_xor_sync(ALL_LANES, x, 2);
}
__device__ __forceinline__ float quad_max(float x)
{
    x = fmaxf(x, __shfl_xor_sync(ALL_LANES, x, 1));
    return fmaxf(x, __shfl_xor_sync(ALL_LANES, x, 2));
}

/* to [TILE, DIM + 1] = factor * rows r0 .. of from, zero beyond rows and head_dim. Odd rows keep columns on different banks. */
template <int DIM, class T>
__device__ __forceinline__ void load_rows(const T *from, int64_t ld, int64_t r0, int64_t rows, int head_dim, float factor, float *to)
{
    for (int e = threadIdx.x; e < TILE * DIM; e += THREADS) {
        int i = e / DIM, c = e % DIM;
        to[i * (DIM + 1) + c] = r0 + i < rows && c < head_dim ? factor * get(from[(r0 + i) * ld + c]) : 0;
    }
}

/* score[j] = dot of row of left with row 4*j + quad of right, in parts of 16 elements: rounding adds up over 16 and over the parts. */
template <int DIM> __device__ __forceinline__ void dots(const float *left, const float *right, int quad, float (&score)[TILE / QUAD])
{
    constexpr int PART = 16;
    for (int j = 0; j < TILE / QUAD; j++) score[j] = 0;
    for (int start = 0; start < DIM; start += PART) {
        float part[TILE / QUAD] = {};
        for (int c = start; c < start + PART; c++) {
            float x = left[c];
            for (int j = 0; j < TILE / QUAD; j++) part[j] += x * right[(QUAD * j + quad) * (DIM + 1) + c];
        }
        for (int j = 0; j < TILE / QUAD; j++) score[j] += part[j];
    }
}

/*
 * sum[e] += sum over columns first .. last-1 of the tile of weight[column] * right[column, 4*e + quad]. What is not seen is left out, not
 * weighed with 0: an infinite value of the future stays there.
 */
template <int DIM>
__device__ __forceinline__ void weighted(const float *weight, int step, int64_t first, int64_t last, const float *right, int quad,
    float (&sum)[DIM / QUAD])
{
    for (int j = (int) greater(first, 0); j < lesser(last, TILE); j++) {
        float w = weight[j * step];
        for (int e = 0; e < DIM / QUAD; e++) sum[e] += w * right[j * (DIM + 1) + QUAD * e + quad];
    }
}

/* Calls launch with the smallest of 32, 64, 128, 256 that holds head_dim, as a type. */
template <int N> struct Dim { static constexpr int value = N; };
template <class F> void with_dim(int64_t head_dim, F launch)
{
    if (head_dim <= 32) launch(Dim<32>());
    else if (head_dim <= 64) launch(Dim<64>());
    else if (head_dim <= 128) launch(Dim<128>());
    else launch(Dim<256>());
}

/* Starts a kernel with more shared memory than comes without asking. */
#define LAUNCH_WIDE(kernel, blocks, threads, bytes, stream, ...) \
    do { \
        cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, bytes); \
        LAUNCH((kernel), blocks, threads, bytes, stream, __VA_ARGS__); \
    } while (0)

#endif
