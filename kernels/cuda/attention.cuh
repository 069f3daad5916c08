/*
 * attention.cuh: what the attention kernels in f32 share.
 *
 * A block has four warps and a tile of TILE rows; four neighbouring lanes own a row. A lane holds the scores of every fourth column
 * of the tile and every fourth element of the head: a row's maximum and sum are two shuffles away.
 */
#ifndef RONDO_CUDA_ATTENTION_CUH
#define RONDO_CUDA_ATTENTION_CUH

#include "device.h"

constexpr int TILE = 32, QUAD = 4, THREADS = TILE * QUAD, MOST_HEAD_DIM = 256;

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
template <int DIM> __device__ __forceinline__ void load_rows(const float *from, int64_t ld, int64_t r0, int64_t rows, int head_dim, float factor, float *to)
{
    for (int e = threadIdx.x; e < TILE * DIM; e += THREADS) {
        int i = e / DIM, c = e % DIM;
        to[i * (DIM + 1) + c] = r0 + i < rows && c < head_dim ? factor * from[(r0 + i) * ld + c] : 0;
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
__device__ __forceinline__ void weighted(const float *weight, int step, int64_t first, int64_t last, const float *right, int quad, float (&sum)[DIM / QUAD])
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

#define CHECK_HEADS(op) \
    do { \
        NEED(op, s); \
        EXTENT(op, batch, 0); \
        EXTENT(op, time, 0); \
        EXTENT(op, kv_heads, 1); \
        REQUIRE(heads >= kv_heads && heads % kv_heads == 0, "rondo_" #op ": heads is %lld, expected a multiple of kv_heads = %lld", \
            (long long) heads, (long long) kv_heads); \
        EXTENT(op, head_dim, 1); \
        if (head_dim > MOST_HEAD_DIM) \
            return rondo_fail(RONDO_UNSUPPORTED, "rondo_" #op ": head_dim is %lld, expected at most %d", (long long) head_dim, MOST_HEAD_DIM); \
    } while (0)

#endif
