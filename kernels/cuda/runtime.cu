/*
 * runtime.cu: streams, memory, copies, graph capture, errors. Static runtime: loads without a driver and says why it cannot run.
 *
 * A stream belongs to one device and one host thread at a time. Values that only the device can check (tokens, positions,
 * targets) are refused there, by the first kernel that meets one, and reported when the stream is synchronised.
 */
#include "cublaslt.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>

/* An operation with its stream's device current, whichever the calling thread used last. */
template <auto operation> struct On;
template <class... A, int32_t (*operation)(rondo_stream *, A...)> struct On<operation> {
    static int32_t call(rondo_stream *s, A... arguments)
    {
        cudaError_t error = cudaSetDevice(s->device);
        if (error == cudaSuccess) return operation(s, arguments...);
        return rondo_fail(RONDO_DEVICE_ERROR, "device %d: %s", s->device, cudaGetErrorString(error));
    }
};

#define RONDO_ENTRY(name) On<device_##name>::call,
static const struct rondo_kernels kernels = {"cuda", 1, RONDO_OPERATIONS(RONDO_ENTRY)};
#undef RONDO_ENTRY
const struct rondo_kernels *rondo_device = &kernels;

/* One line for a failed runtime call. */
static int32_t failed(const char *what, cudaError_t error)
{
    int32_t code = error == cudaErrorMemoryAllocation ? RONDO_NO_MEMORY : RONDO_DEVICE_ERROR;
    return rondo_fail(code, "%s: %s", what, cudaGetErrorString(error));
}

#define TRY(what, call) \
    do { \
        cudaError_t error = (call); \
        if (error != cudaSuccess) return failed(what, error); \
    } while (0)

static bool each_launch_is_awaited()
{
    static const bool sync = [] {
        const char *value = getenv("RONDO_SYNC");
        return value && *value == '1';
    }();
    return sync;
}

int32_t launched(rondo_stream *s, const char *operation)
{
    TRY(operation, cudaGetLastError());
    if (each_launch_is_awaited()) TRY(operation, cudaStreamSynchronize(s->stream));
    return RONDO_OK;
}

const char *rondo_describe(void)
{
    static thread_local char line[320];
    int count = 0, major = 0, minor = 0, processors = 0;
    cudaError_t error = cudaGetDeviceCount(&count);
    if (error != cudaSuccess || count == 0) {
        snprintf(line, sizeof(line), "cuda: no device (%s)", error != cudaSuccess ? cudaGetErrorString(error) : "none is visible");
        return line;
    }
    cudaDeviceProp properties;
    if (cudaGetDeviceProperties(&properties, 0) != cudaSuccess) return "cuda: a device that does not answer";
    cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, 0);
    cudaDeviceGetAttribute(&minor, cudaDevAttrComputeCapabilityMinor, 0);
    cudaDeviceGetAttribute(&processors, cudaDevAttrMultiProcessorCount, 0);
    snprintf(line, sizeof(line), "cuda: %d x %s, compute capability %d.%d, %d processors, %s", count, properties.name, major, minor,
        processors, cublaslt_describe());
    return line;
}

int32_t rondo_stream_destroy(rondo_stream *s)
{
    if (!s) return RONDO_OK;
    cudaSetDevice(s->device);
    if (s->stream) cudaStreamSynchronize(s->stream);
    cublaslt_close(s->cublaslt);
    if (s->refusal) cudaFree(s->refusal);
    if (s->partials) cudaFree(s->partials);
    if (s->scratch) cudaFree(s->scratch);
    if (s->refused) cudaFreeHost(s->refused);
    if (s->began) cudaEventDestroy(s->began);
    if (s->ended) cudaEventDestroy(s->ended);
    if (s->stream) cudaStreamDestroy(s->stream);
    delete s;
    return RONDO_OK;
}

static int32_t open_stream(int32_t device, rondo_stream *s)
{
    int count = 0, major = 0;
    TRY("rondo_stream_create", cudaGetDeviceCount(&count));
    REQUIRE(device >= 0 && device < count, "rondo_stream_create: device is %d, expected 0 to %d", device, count - 1);
    TRY("rondo_stream_create", cudaSetDevice(device));
    TRY("rondo_stream_create", cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, device));
    if (major < 8) return rondo_fail(RONDO_UNSUPPORTED, "rondo_stream_create: compute capability %d.x, expected 8.0 or later", major);
    TRY("rondo_stream_create", cudaDeviceGetAttribute(&s->processors, cudaDevAttrMultiProcessorCount, device));
    s->device = device;
    TRY("rondo_stream_create", cudaStreamCreateWithFlags(&s->stream, cudaStreamNonBlocking));
    TRY("rondo_stream_create", cudaEventCreate(&s->began));
    TRY("rondo_stream_create", cudaEventCreate(&s->ended));
    TRY("rondo_stream_create", cudaMalloc((void **) &s->refusal, sizeof(Refusal)));
    TRY("rondo_stream_create", cudaMalloc((void **) &s->partials, PARTIALS * sizeof(double)));
    TRY("rondo_stream_create", cudaMalloc((void **) &s->scratch, SCRATCH_FLOATS * sizeof(float)));
    TRY("rondo_stream_create", cudaMallocHost((void **) &s->refused, sizeof(Refusal)));
    TRY("rondo_stream_create", cudaMemsetAsync(s->refusal, 0, sizeof(Refusal), s->stream));
    TRY("rondo_stream_create", cudaStreamSynchronize(s->stream));
    return cublaslt_open(&s->cublaslt);
}

int32_t rondo_stream_create(int32_t device, int32_t threads, rondo_stream **stream)
{
    NEED(stream_create, stream);
    REQUIRE(threads >= 1 && threads <= 256, "rondo_stream_create: threads is %d, expected 1 to 256", threads);
    rondo_stream *s = new rondo_stream();
    int32_t code = open_stream(device, s);
    if (code == RONDO_OK) *stream = s;
    else rondo_stream_destroy(s);
    return code;
}

static int32_t refusal_of(const Refusal &r)
{
    static const char *const names[] = {"", "rondo_embedding: tokens", "rondo_embedding_grad: tokens", "rondo_rotary: positions",
        "rondo_cache_append: start", "rondo_cached_attention: start", "rondo_linear_cross_entropy: targets",
        "rondo_linear_distillation: targets"};
    if (r.operation >= CHECK_LOSS)
        return rondo_fail(RONDO_INVALID, "%s[%d] is %d, expected 0 to %d or -100", names[r.operation], r.index, r.value, r.limit);
    return rondo_fail(RONDO_INVALID, "%s[%d] is %d, expected 0 to %d", names[r.operation], r.index, r.value, r.limit);
}

int32_t rondo_stream_synchronize(rondo_stream *s)
{
    NEED(stream_synchronize, s);
    TRY("rondo_stream_synchronize", cudaMemcpyAsync(s->refused, s->refusal, sizeof(Refusal), cudaMemcpyDefault, s->stream));
    TRY("rondo_stream_synchronize", cudaStreamSynchronize(s->stream));
    if (s->refused->operation == 0) return RONDO_OK;
    Refusal first = *s->refused;
    TRY("rondo_stream_synchronize", cudaMemsetAsync(s->refusal, 0, sizeof(Refusal), s->stream));
    return refusal_of(first);
}

int32_t rondo_allocate(rondo_stream *s, int64_t bytes, void **memory)
{
    NEED(allocate, s);
    NEED(allocate, memory);
    EXTENT(allocate, bytes, 0);
    TRY("rondo_allocate", cudaSetDevice(s->device));
    cudaError_t error = cudaMalloc(memory, (size_t) greater(bytes, 1));
    if (error != cudaSuccess) {
        size_t free_bytes = 0, total = 0;
        cudaGetLastError();
        cudaMemGetInfo(&free_bytes, &total);
        if (error != cudaErrorMemoryAllocation) return failed("rondo_allocate", error);
        return rondo_fail(RONDO_NO_MEMORY, "rondo_allocate: %lld bytes wanted, %lld of %lld free on device %d", (long long) bytes,
            (long long) free_bytes, (long long) total, s->device);
    }
    TRY("rondo_allocate", cudaMemsetAsync(*memory, 0, (size_t) greater(bytes, 1), s->stream));
    return RONDO_OK;
}

int32_t rondo_release(rondo_stream *s, void *memory, int64_t)
{
    NEED(release, s);
    TRY("rondo_release", cudaStreamSynchronize(s->stream));
    TRY("rondo_release", cudaFree(memory));
    return RONDO_OK;
}

int32_t rondo_allocate_staging(rondo_stream *s, int64_t bytes, void **memory)
{
    NEED(allocate_staging, s);
    NEED(allocate_staging, memory);
    EXTENT(allocate_staging, bytes, 0);
    TRY("rondo_allocate_staging", cudaMallocHost(memory, (size_t) greater(bytes, 1)));
    memset(*memory, 0, (size_t) bytes);
    return RONDO_OK;
}

int32_t rondo_release_staging(rondo_stream *s, void *memory, int64_t)
{
    NEED(release_staging, s);
    TRY("rondo_release_staging", cudaStreamSynchronize(s->stream));
    TRY("rondo_release_staging", cudaFreeHost(memory));
    return RONDO_OK;
}

int32_t rondo_memory(rondo_stream *s, int64_t *unused, int64_t *total)
{
    NEED(memory, s);
    NEED(memory, unused);
    NEED(memory, total);
    size_t free_bytes = 0, all = 0;
    TRY("rondo_memory", cudaSetDevice(s->device));
    TRY("rondo_memory", cudaMemGetInfo(&free_bytes, &all));
    *unused = (int64_t) free_bytes;
    *total = (int64_t) all;
    return RONDO_OK;
}

int32_t rondo_timer_begin(rondo_stream *s)
{
    NEED(timer_begin, s);
    TRY("rondo_timer_begin", cudaSetDevice(s->device));
    TRY("rondo_timer_begin", cudaEventRecord(s->began, s->stream));
    return RONDO_OK;
}

int32_t rondo_timer_end(rondo_stream *s, double *seconds)
{
    NEED(timer_end, s);
    NEED(timer_end, seconds);
    float milliseconds = 0;
    TRY("rondo_timer_end", cudaSetDevice(s->device));
    TRY("rondo_timer_end", cudaEventRecord(s->ended, s->stream));
    TRY("rondo_timer_end", cudaEventSynchronize(s->ended));
    TRY("rondo_timer_end", cudaEventElapsedTime(&milliseconds, s->began, s->ended));
    *seconds = 1e-3 * milliseconds;
    return RONDO_OK;
}

int32_t rondo_copy(rondo_stream *s, const void *from, void *to, int64_t bytes)
{
    NEED(copy, s);
    EXTENT(copy, bytes, 0);
    if (bytes == 0) return RONDO_OK;
    NEED(copy, from);
    NEED(copy, to);
    TRY("rondo_copy", cudaSetDevice(s->device));
    TRY("rondo_copy", cudaMemcpyAsync(to, from, (size_t) bytes, cudaMemcpyDefault, s->stream));
    return RONDO_OK;
}

int32_t rondo_zero(rondo_stream *s, void *memory, int64_t bytes)
{
    NEED(zero, s);
    EXTENT(zero, bytes, 0);
    if (bytes == 0) return RONDO_OK;
    NEED(zero, memory);
    TRY("rondo_zero", cudaSetDevice(s->device));
    TRY("rondo_zero", cudaMemsetAsync(memory, 0, (size_t) bytes, s->stream));
    return RONDO_OK;
}

struct rondo_graph {
    cudaGraph_t graph;
    cudaGraphExec_t executable;
};

int32_t rondo_capture_begin(rondo_stream *s)
{
    NEED(capture_begin, s);
    TRY("rondo_capture_begin", cudaSetDevice(s->device));
    TRY("rondo_capture_begin", cudaStreamBeginCapture(s->stream, cudaStreamCaptureModeThreadLocal));
    return RONDO_OK;
}

int32_t rondo_capture_end(rondo_stream *s, rondo_graph **graph)
{
    NEED(capture_end, s);
    NEED(capture_end, graph);
    TRY("rondo_capture_end", cudaSetDevice(s->device));
    rondo_graph *g = new rondo_graph();
    cudaError_t error = cudaStreamEndCapture(s->stream, &g->graph);
    if (error == cudaSuccess) error = cudaGraphInstantiate(&g->executable, g->graph, 0);
    if (error != cudaSuccess) {
        if (g->graph) cudaGraphDestroy(g->graph);
        delete g;
        return failed("rondo_capture_end", error);
    }
    *graph = g;
    return RONDO_OK;
}

int32_t rondo_graph_launch(rondo_stream *s, rondo_graph *graph)
{
    NEED(graph_launch, s);
    NEED(graph_launch, graph);
    TRY("rondo_graph_launch", cudaSetDevice(s->device));
    TRY("rondo_graph_launch", cudaGraphLaunch(graph->executable, s->stream));
    return RONDO_OK;
}

int32_t rondo_graph_destroy(rondo_graph *graph)
{
    if (!graph) return RONDO_OK;
    cudaGraphExecDestroy(graph->executable);
    cudaGraphDestroy(graph->graph);
    delete graph;
    return RONDO_OK;
}
