/*
 * planted.cu: kernels with one mistake each, and one without, which the emulator must tell apart, every time.
 *
 * planted CASE runs one and exits with 0 when nothing was noticed: the result is as expected and no error was reported.
 * planted --list names them: a case is followed by where it must be caught: "always" (a wrong result or the emulator's own error),
 * "address" or "thread" (a sanitizer stops the program), "never" for the correct kernel.
 */
#include "../../cuda/device.h"

#include <cstdio>
#include <cstdlib>
#include <vector>

constexpr int THREADS = 128, N = 4 * THREADS;

/* Sum of n numbers by one block: the correct kernel, or one without the barrier between writing and reading the slots. */
template <bool BARRIER> __global__ void sum_kernel(const float *x, int n, float *out)
{
    SHARED_ARRAY(float, slots, WARP);
    float sum = 0;
    for (int i = threadIdx.x; i < n; i += THREADS) sum += x[i];
    sum = warp_sum(sum);
    if (threadIdx.x % WARP == 0) slots[threadIdx.x / WARP] = sum;
    if (BARRIER) __syncthreads();
    if (threadIdx.x > 0) return;
    float total = 0;
    for (int w = 0; w < THREADS / WARP; w++) total += slots[w];
    out[0] = total;
}

/* Rotates chunks through shared memory; without the barrier at the end of the loop the next chunk overwrites what others read. */
template <bool BARRIER> __global__ void rotate_kernel(const float *x, int n, float *out)
{
    SHARED_ARRAY(float, chunk, THREADS);
    for (int start = 0; start < n; start += THREADS) {
        chunk[threadIdx.x] = x[start + threadIdx.x];
        __syncthreads();
        out[start + threadIdx.x] = chunk[(threadIdx.x + 37) % THREADS];
        if (BARRIER) __syncthreads();
    }
}

/* Copies by cp.async, with or without waiting for it. */
template <bool WAIT> __global__ void asynchronous_kernel(const float *x, int n, float *out)
{
    SHARED_ARRAY(float, chunk, N);
    int quads = n / 4;
    for (int i = threadIdx.x; i < quads; i += THREADS) copy16_async(chunk + 4 * i, x + 4 * i, 16);
    copy_commit();
    if (WAIT) copy_wait<0>();
    __syncthreads();
    for (int i = threadIdx.x; i < n; i += THREADS) out[i] = chunk[n - 1 - i];
    if (!WAIT) copy_wait<0>();
}

/*
 * Tiles of 16 x 16 bf16, one for each warp, that the warp beside it loads by ldmatrix: correct, without the barrier before a load, or without
 * the one before a tile that others still load is written again. What is written again is what was there, so that the numbers are right
 * in every order and the thread sanitizer alone can tell.
 */
enum class Missing { NOTHING, BEFORE_LOAD, BEFORE_OVERWRITE };
template <Missing MISSING> __global__ void tiles_kernel(const float *x, float *out)
{
    constexpr int WARPS = THREADS / WARP, TILE = 16 * 16;
    SHARED_ARRAY(uint16_t, tiles, WARPS * TILE);
    int warp = threadIdx.x / WARP, lane = threadIdx.x % WARP;
    float sum = 0;
    for (int round = 0; round < 2; round++) {
        for (int i = lane; i < TILE; i += WARP) tiles[warp * TILE + i] = narrow(x[threadIdx.x]);
        if (round == 0 || MISSING != Missing::BEFORE_LOAD) __syncthreads();
        unsigned r[4];
        ldmatrix4<false>(r, tiles + (warp + 1) % WARPS * TILE + lane % 16 * 16 + lane / 16 * 8);
        for (int m = 0; m < 4; m++) sum += low(r[m]) + high(r[m]);
        if (MISSING != Missing::BEFORE_OVERWRITE) __syncthreads();
    }
    sum = warp_sum(sum);
    if (lane == 0) out[warp] = sum;
}

__global__ void divergent_kernel(float *out)
{
    if (threadIdx.x < 64) {
        out[threadIdx.x] = 1;
        __syncthreads();
    } else {
        __syncthreads();
    }
}

__global__ void absent_kernel(float *out)
{
    if (threadIdx.x == 5) return;
    out[threadIdx.x] = warp_sum(1.0f);
}

__global__ void early_kernel(float *out)
{
    if (threadIdx.x >= 100) return;
    __syncthreads();
    out[threadIdx.x] = 1;
}

/* One element too many, read or written, in global or shared memory. */
__global__ void outside_kernel(const float *x, int n, float *out, int where)
{
    SHARED_ARRAY(float, chunk, THREADS);
    chunk[threadIdx.x] = x[threadIdx.x];
    int beyond = threadIdx.x == THREADS - 1;
    if (where == 0) out[threadIdx.x] = x[n - THREADS + threadIdx.x + beyond];
    if (where == 1) out[n - THREADS + threadIdx.x + beyond] = 1;
    if (where == 2) chunk[threadIdx.x + beyond] = 1;
}

/* All blocks add to one number without atomics. */
__global__ void blocks_kernel(float *out)
{
    if (threadIdx.x == blockIdx.x) out[0] += 1;
}

/* Reads shared memory that nobody wrote. */
__global__ void unwritten_kernel(float *out)
{
    SHARED_ARRAY(float, chunk, THREADS);
    if (threadIdx.x != 7) chunk[threadIdx.x] = 1;
    __syncthreads();
    out[threadIdx.x] = chunk[threadIdx.x];
}

struct Bench {
    cudaStream_t stream;
    std::vector<float> x;
    /* Of exactly N floats each, for the address sanitizer. */
    float *in, *out;
};

static bool launched_well()
{
    cudaError_t error = cudaGetLastError();
    if (error != cudaSuccess) printf("%s\n", cudaGetErrorString(error));
    return error == cudaSuccess;
}

static bool is(float got, float wanted)
{
    if (got == wanted) return true;
    printf("got %g, expected %g\n", got, wanted);
    return false;
}

template <bool BARRIER> static bool sums(Bench &b)
{
    LAUNCH(sum_kernel<BARRIER>, 1, THREADS, 0, b.stream, b.in, N, b.out);
    float wanted = 0;
    for (float v : b.x) wanted += v;
    return launched_well() && is(b.out[0], wanted);
}

template <bool BARRIER> static bool rotates(Bench &b)
{
    LAUNCH(rotate_kernel<BARRIER>, 1, THREADS, 0, b.stream, b.in, N, b.out);
    bool well = launched_well();
    for (int i = 0; well && i < N; i++) well = is(b.out[i], b.x[i / THREADS * THREADS + (i + 37) % THREADS]);
    return well;
}

template <bool WAIT> static bool copies(Bench &b)
{
    LAUNCH(asynchronous_kernel<WAIT>, 1, THREADS, 0, b.stream, b.in, N, b.out);
    bool well = launched_well();
    for (int i = 0; well && i < N; i++) well = is(b.out[i], b.x[N - 1 - i]);
    return well;
}

template <Missing MISSING> static bool tiles(Bench &b)
{
    LAUNCH(tiles_kernel<MISSING>, 1, THREADS, 0, b.stream, b.in, b.out);
    bool well = launched_well();
    for (int warp = 0; well && warp < THREADS / WARP; warp++) {
        float wanted = 0;
        for (int lane = 0; lane < WARP; lane++) wanted += 2 * 8 * b.x[(warp + 1) % (THREADS / WARP) * WARP + lane];
        well = is(b.out[warp], wanted);
    }
    return well;
}

template <int WHERE> static bool outside(Bench &b)
{
    int where = WHERE;
    LAUNCH(outside_kernel, 1, THREADS, 0, b.stream, b.in, N, b.out, where);
    return launched_well();
}

static bool divergent(Bench &b) { return LAUNCH(divergent_kernel, 1, THREADS, 0, b.stream, b.out), launched_well(); }
static bool absent(Bench &b) { return LAUNCH(absent_kernel, 1, THREADS, 0, b.stream, b.out), launched_well(); }
static bool early(Bench &b) { return LAUNCH(early_kernel, 1, THREADS, 0, b.stream, b.out), launched_well(); }
static bool across_blocks(Bench &b) { return LAUNCH(blocks_kernel, 8, THREADS, 0, b.stream, b.out), launched_well(); }
static bool too_large(Bench &b) { return LAUNCH(divergent_kernel, 1, 2048, 0, b.stream, b.out), launched_well(); }
static bool unwritten(Bench &b)
{
    LAUNCH(unwritten_kernel, 1, THREADS, 0, b.stream, b.out);
    return launched_well() && is(b.out[7], 1);
}

static const struct {
    const char *name, *caught;
    bool (*run)(Bench &);
} cases[] = {
    {"correct-sum", "never", sums<true>},
    {"correct-rotation", "never", rotates<true>},
    {"correct-copy", "never", copies<true>},
    {"correct-tiles", "never", tiles<Missing::NOTHING>},
    {"missing-barrier", "thread", sums<false>},
    {"missing-wait", "always", copies<false>},
    {"divergent-barrier", "always", divergent},
    {"barrier-after-exit", "always", early},
    {"absent-lane", "always", absent},
    {"unwritten-shared-memory", "always", unwritten},
    {"too-many-threads", "always", too_large},
    {"missing-last-barrier", "thread", rotates<false>},
    {"tiles-loaded-too-early", "thread", tiles<Missing::BEFORE_LOAD>},
    {"tiles-written-too-early", "thread", tiles<Missing::BEFORE_OVERWRITE>},
    {"race-of-blocks", "thread", across_blocks},
    {"read-outside", "address", outside<0>},
    {"write-outside", "address", outside<1>},
    {"write-outside-shared", "address", outside<2>},
};

int main(int count, char **arguments)
{
    Bench bench = {};
    cudaStreamCreateWithFlags(&bench.stream, 0);
    for (int i = 0; i < N; i++) bench.x.push_back((float) (i % 17));
    cudaMalloc((void **) &bench.in, N * sizeof(float));
    cudaMalloc((void **) &bench.out, N * sizeof(float));
    for (int i = 0; i < N; i++) bench.in[i] = bench.x[i], bench.out[i] = 0;
    bool list = count < 2 || strcmp(arguments[1], "--list") == 0;
    int code = list ? 0 : 2;
    for (const auto &c : cases) {
        if (list) printf("%s %s\n", c.name, c.caught);
        else if (strcmp(arguments[1], c.name) == 0) code = c.run(bench) ? 0 : 1;
    }
    cudaFree(bench.in);
    cudaFree(bench.out);
    cudaStreamDestroy(bench.stream);
    return code;
}
