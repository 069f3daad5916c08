/*
 * emulator.h: CUDA C++ for g++, so that the sources of kernels/cuda run on a CPU as they are written.
 *
 * One fiber for each CUDA thread; blocks run one after another in random order, threads within a block in random order too
 * (RONDO_EMULATED_ORDER=forward|reverse|SEED, printed when something fails). Warp collectives and barriers meet for real: a
 * missing barrier gives wrong numbers or a race under the thread sanitizer, a divergent one an error that names both lines.
 * Shared memory is a heap block of exactly its size, filled with NaN, so the address sanitizer sees every step outside and a read
 * before a write shows. cp.async copies as late as the instruction set allows, its target NaN until then.
 *
 * Not seen here: registers, bank conflicts, occupancy, rounding of approximate instructions, fences between blocks.
 */
#ifndef RONDO_EMULATOR_H
#define RONDO_EMULATOR_H

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>

#define __global__ static
#define __device__
#define __host__
#define __forceinline__ inline __attribute__((always_inline))
#define __launch_bounds__(...)

struct dim3 {
    unsigned x = 1, y = 1, z = 1;
    constexpr dim3(unsigned x = 1, unsigned y = 1, unsigned z = 1) : x(x), y(y), z(z) {}
};
struct alignas(8) float2 { float x, y; };
struct alignas(16) float4 { float x, y, z, w; };
struct alignas(8) uint2 { unsigned x, y; };
struct alignas(16) uint4 { unsigned x, y, z, w; };

namespace emulated {

/* What a running kernel sees of itself. */
struct Thread {
    dim3 thread, block, blocks, threads;
    unsigned lane, warp;
};
extern thread_local Thread *self;

/* Launches body once per thread; records instead while the stream captures. Errors are those of cudaGetLastError. */
void launch(const char *name, dim3 blocks, dim3 threads, size_t shared_bytes, struct Stream *stream, std::function<void()> body);

/* Meets at a barrier of the block, or of the lanes in mask. place is "file:line". Whether any thread of the block brought a value but 0. */
int block_barrier(const char *place, int value = 0);
void warp_barrier(unsigned mask, const char *place);

/*
 * Lanes of mask meet; each brings size bytes, and the last to arrive runs work(in, out, lanes), where in and out hold 32 slots of
 * 64 bytes; each takes size_out bytes of its slot along.
 */
enum { SLOT = 64 };
using Work = void (*)(const unsigned char (*in)[SLOT], unsigned char (*out)[SLOT], unsigned mask, const void *extra);
void collective(unsigned mask, const char *place, const void *in, size_t size, void *out, size_t size_out, Work work, const void *extra);

/* Memory of the block, the same for all its threads: named arrays by their place in the source, and the dynamic part. */
void *shared_array(const void *place, size_t bytes);
void *shared_dynamic();

/* cp.async: bytes of 4, 8 or 16, of which the first used are read and the rest are zero. */
void copy_async(void *to, const void *from, int bytes, int used, const char *place);
void copy_commit();
void copy_wait(int pending);

/* Stops the launch with a message. */
[[noreturn]] void fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

template <class T> T shuffle(unsigned mask, T value, unsigned source, const char *place)
{
    struct Pair { T value; unsigned source; } mine = {value, source};
    T result;
    collective(
        mask, place, &mine, sizeof(mine), &result, sizeof(T),
        [](const unsigned char(*in)[SLOT], unsigned char(*out)[SLOT], unsigned lanes, const void *) {
            for (unsigned lane = 0; lane < 32; lane++) {
                if (!(lanes >> lane & 1)) continue;
                unsigned from = reinterpret_cast<const Pair *>(in[lane])->source & 31;
                if (!(lanes >> from & 1)) fail("a lane reads lane %u, which is not in the mask %08x", from, lanes);
                memcpy(out[lane], &reinterpret_cast<const Pair *>(in[from])->value, sizeof(T));
            }
        },
        nullptr);
    return result;
}

/* Whether one of the lanes brought a value but 0. */
inline int any(unsigned mask, int value, const char *place)
{
    int result;
    collective(
        mask, place, &value, sizeof(value), &result, sizeof(result),
        [](const unsigned char(*in)[SLOT], unsigned char(*out)[SLOT], unsigned lanes, const void *) {
            int all = 0, one;
            for (unsigned lane = 0; lane < 32; lane++)
                if (lanes >> lane & 1) memcpy(&one, in[lane], sizeof(one)), all |= one != 0;
            for (unsigned lane = 0; lane < 32; lane++) memcpy(out[lane], &all, sizeof(all));
        },
        nullptr);
    return result;
}

} // namespace emulated

#define RONDO_PLACE_TEXT_(x) #x
#define RONDO_PLACE_TEXT(x) RONDO_PLACE_TEXT_(x)
#define RONDO_PLACE __FILE__ ":" RONDO_PLACE_TEXT(__LINE__)

#define threadIdx (emulated::self->thread)
#define blockIdx (emulated::self->block)
#define blockDim (emulated::self->threads)
#define gridDim (emulated::self->blocks)

#define __syncthreads() emulated::block_barrier(RONDO_PLACE)
#define __syncthreads_or(...) emulated::block_barrier(RONDO_PLACE, __VA_ARGS__)
#define __syncwarp(...) emulated::warp_barrier(RONDO_FIRST_(__VA_ARGS__ __VA_OPT__(, ) 0xffffffffu), RONDO_PLACE)
#define RONDO_FIRST_(first, ...) (first)
#define __shfl_sync(mask, value, lane) emulated::shuffle(mask, value, lane, RONDO_PLACE)
#define __shfl_xor_sync(mask, value, bits) emulated::shuffle(mask, value, emulated::self->lane ^ (bits), RONDO_PLACE)
#define __shfl_down_sync(mask, value, by) \
    emulated::shuffle(mask, value, emulated::self->lane + (by) < 32 ? emulated::self->lane + (by) : emulated::self->lane, RONDO_PLACE)

#define __any_sync(mask, value) emulated::any(mask, value, RONDO_PLACE)

#define LAUNCH(kernel, blocks, threads, bytes, stream, ...) \
    emulated::launch(#kernel, blocks, threads, bytes, stream, [=] { (kernel)(__VA_ARGS__); })
#define SHARED_ARRAY(type, name, count) \
    static const char name##_place = 0; \
    type *const name = static_cast<type *>(emulated::shared_array(&name##_place, sizeof(type) * (count)))
#define DYNAMIC_SHARED(type, name) type *const name = static_cast<type *>(emulated::shared_dynamic())

/* Device functions. */
inline float __expf(float x) { return expf(x); }
inline float __fdividef(float x, float y) { return x / y; }
inline float rsqrtf(float x) { return 1 / sqrtf(x); }
inline float __int_as_float(int x) { float y; memcpy(&y, &x, 4); return y; }
inline int __float_as_int(float x) { int y; memcpy(&y, &x, 4); return y; }
inline unsigned __float_as_uint(float x) { unsigned y; memcpy(&y, &x, 4); return y; }
inline float __uint_as_float(unsigned x) { float y; memcpy(&y, &x, 4); return y; }
inline unsigned __umulhi(unsigned x, unsigned y) { return (unsigned) ((uint64_t) x * y >> 32); }
template <class T> T __ldg(const T *p) { return *p; }
inline int atomicCAS(int *p, int wanted, int value)
{
    __atomic_compare_exchange_n(p, &wanted, value, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED);
    return wanted;
}
inline int atomicAdd(int *p, int value) { return __atomic_fetch_add(p, value, __ATOMIC_RELAXED); }
inline unsigned long long atomicMin(unsigned long long *p, unsigned long long value)
{
    unsigned long long before = __atomic_load_n(p, __ATOMIC_RELAXED);
    while (value < before && !__atomic_compare_exchange_n(p, &before, value, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
    }
    return before;
}
inline void __threadfence() { __atomic_thread_fence(__ATOMIC_SEQ_CST); }

/* The runtime calls that runtime.cu makes. Memory is the host's. */
enum cudaError_t {
    cudaSuccess = 0,
    cudaErrorInvalidValue = 1,
    cudaErrorMemoryAllocation = 2,
    cudaErrorInvalidConfiguration = 9,
    cudaErrorNoDevice = 100,
    cudaErrorInvalidDevice = 101,
    cudaErrorLaunchFailure = 719,
    cudaErrorStreamCaptureUnsupported = 900
};
enum cudaMemcpyKind { cudaMemcpyDefault = 4 };
enum cudaStreamCaptureMode { cudaStreamCaptureModeThreadLocal = 1 };
enum cudaDeviceAttr { cudaDevAttrMultiProcessorCount = 16, cudaDevAttrComputeCapabilityMajor = 75, cudaDevAttrComputeCapabilityMinor = 76 };
enum cudaFuncAttribute { cudaFuncAttributeMaxDynamicSharedMemorySize = 8 };
enum { cudaStreamNonBlocking = 1 };
using cudaStream_t = emulated::Stream *;
using cudaGraph_t = struct EmulatedGraph *;
using cudaGraphExec_t = struct EmulatedGraph *;
using cudaEvent_t = double *;
struct cudaDeviceProp { char name[256]; };

cudaError_t cudaGetDeviceCount(int *count);
cudaError_t cudaSetDevice(int device);
cudaError_t cudaGetDeviceProperties(cudaDeviceProp *properties, int device);
cudaError_t cudaDeviceGetAttribute(int *value, cudaDeviceAttr attribute, int device);
cudaError_t cudaMemGetInfo(size_t *free_bytes, size_t *total);
cudaError_t cudaMalloc(void **memory, size_t bytes);
cudaError_t cudaFree(void *memory);
cudaError_t cudaMallocHost(void **memory, size_t bytes);
cudaError_t cudaFreeHost(void *memory);
cudaError_t cudaMemcpyAsync(void *to, const void *from, size_t bytes, cudaMemcpyKind kind, cudaStream_t stream);
cudaError_t cudaMemsetAsync(void *to, int value, size_t bytes, cudaStream_t stream);
cudaError_t cudaStreamCreateWithFlags(cudaStream_t *stream, unsigned flags);
cudaError_t cudaStreamDestroy(cudaStream_t stream);
cudaError_t cudaStreamSynchronize(cudaStream_t stream);
cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode mode);
cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t *graph);
cudaError_t cudaGraphInstantiate(cudaGraphExec_t *executable, cudaGraph_t graph, unsigned long long flags);
cudaError_t cudaGraphLaunch(cudaGraphExec_t executable, cudaStream_t stream);
cudaError_t cudaGraphDestroy(cudaGraph_t graph);
cudaError_t cudaGraphExecDestroy(cudaGraphExec_t executable);
cudaError_t cudaEventCreate(cudaEvent_t *event);
cudaError_t cudaEventDestroy(cudaEvent_t event);
cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream);
cudaError_t cudaEventSynchronize(cudaEvent_t event);
cudaError_t cudaEventElapsedTime(float *milliseconds, cudaEvent_t from, cudaEvent_t to);
cudaError_t cudaGetLastError();
const char *cudaGetErrorString(cudaError_t error);
template <class F> cudaError_t cudaFuncSetAttribute(F *, cudaFuncAttribute, int) { return cudaSuccess; }

#endif
