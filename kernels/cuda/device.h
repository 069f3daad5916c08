/*
 * device.h: what the sources of librondo_cuda share. Compiled by nvcc, or by g++ through ../emulated/emulator.h.
 *
 * Rules that both compilers need: kernels start through LAUNCH; shared memory is named by SHARED_ARRAY (static) or DYNAMIC_SHARED;
 * only the _sync forms of warp intrinsics; PTX lives in portable.cuh alone. A launcher, device_NAME, finds its arguments checked,
 * owns its launch geometry and returns launched(s, name).
 */
#ifndef RONDO_CUDA_DEVICE_H
#define RONDO_CUDA_DEVICE_H

#include "../contract.h"

#ifdef RONDO_EMULATED
#include "../emulated/emulator.h"
#else
#include <cuda_runtime.h>
#define LAUNCH(kernel, blocks, threads, bytes, stream, ...) kernel<<<blocks, threads, bytes, stream>>>(__VA_ARGS__)
#define SHARED_ARRAY(type, name, count) __shared__ type name[count]
#define DYNAMIC_SHARED(type, name) \
    extern __shared__ __align__(16) unsigned char rondo_dynamic_shared[]; \
    type *const name = reinterpret_cast<type *>(rondo_dynamic_shared)
#endif

#include "portable.cuh"

constexpr int WARP = 32;
constexpr unsigned ALL_LANES = 0xffffffffu;

/* Operations whose arguments are checked on the device: what a Refusal names. */
enum Checked : int { CHECK_EMBEDDING = 1, CHECK_EMBEDDING_GRAD, CHECK_ROTARY, CHECK_CACHE_APPEND, CHECK_CACHED_ATTENTION, CHECK_LOSS,
    CHECK_DISTILLATION };

/* The first value that a kernel refused, read back when the stream is synchronised. */
struct Refusal {
    int operation, index, value, limit;
};

struct rondo_stream {
    int device, processors;
    cudaStream_t stream;
    cudaEvent_t began, ended;
    /* On the device. */
    Refusal *refusal;
    double *partials;
    float *scratch;
    /* On the host, pinned. */
    Refusal *refused;
    /* Null where products are Rondo's own. */
    struct Cublaslt *cublaslt;
};

/* Sizes of a stream's scratch on the device. */
constexpr int PARTIALS = 4096, SCRATCH_FLOATS = RONDO_MOST_SUMMED;

/* RONDO_OK, or the error of the launch before it; with RONDO_SYNC=1 also of its execution. */
int32_t launched(rondo_stream *s, const char *operation);

/* This library's own functions, which contract.c calls. */
#define RONDO_DECLARE(name) decltype(rondo_##name) device_##name;
RONDO_OPERATIONS(RONDO_DECLARE)
#undef RONDO_DECLARE

__host__ __device__ constexpr int64_t pieces(int64_t n, int64_t size) { return (n + size - 1) / size; }
__host__ __device__ constexpr int64_t lesser(int64_t a, int64_t b) { return a < b ? a : b; }
__host__ __device__ constexpr int64_t greater(int64_t a, int64_t b) { return a > b ? a : b; }
__host__ __device__ constexpr int64_t round_up(int64_t n, int64_t step) { return pieces(n, step) * step; }

/* Blocks for n threads' worth of work in blocks of this size, at most what a grid of x may hold in a loop. */
inline unsigned blocks_for(int64_t n, int threads) { return (unsigned) lesser(pieces(n, threads), 1 << 20); }

/* For loops over n elements by all threads of the grid. */
__device__ __forceinline__ int64_t first_index() { return (int64_t) blockIdx.x * blockDim.x + threadIdx.x; }
__device__ __forceinline__ int64_t index_step() { return (int64_t) gridDim.x * blockDim.x; }

/* Sum and maximum over a warp, in every lane, always in the same order. */
template <class T> __device__ __forceinline__ T warp_sum(T x)
{
    for (int bits = WARP / 2; bits > 0; bits /= 2) x += __shfl_xor_sync(ALL_LANES, x, bits);
    return x;
}
__device__ __forceinline__ float warp_max(float x)
{
    for (int bits = WARP / 2; bits > 0; bits /= 2) x = fmaxf(x, __shfl_xor_sync(ALL_LANES, x, bits));
    return x;
}

/* Sum over a block of a multiple of 32 threads, in every thread; slots: WARP elements of shared memory, free for reuse after. */
template <class T> __device__ __forceinline__ T block_sum(T x, T *slots)
{
    x = warp_sum(x);
    int lane = threadIdx.x % WARP, warp = threadIdx.x / WARP, warps = blockDim.x / WARP;
    if (lane == 0) slots[warp] = x;
    __syncthreads();
    x = lane < warps ? slots[lane] : T(0);
    __syncthreads();
    return warp_sum(x);
}
__device__ __forceinline__ float block_max(float x, float *slots)
{
    x = warp_max(x);
    int lane = threadIdx.x % WARP, warp = threadIdx.x / WARP, warps = blockDim.x / WARP;
    if (lane == 0) slots[warp] = x;
    __syncthreads();
    x = lane < warps ? slots[lane] : -INFINITY;
    __syncthreads();
    return warp_max(x);
}

/* Notes the first refused value of the stream. */
__device__ __forceinline__ void refuse(Refusal *refusal, int operation, int64_t index, int value, int64_t limit)
{
    if (atomicCAS(&refusal->operation, 0, operation) != 0) return;
    refusal->index = (int) index;
    refusal->value = value;
    refusal->limit = (int) limit;
}

#endif
