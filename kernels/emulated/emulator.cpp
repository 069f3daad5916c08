/*
 * emulator.cpp: fibers, barriers, warp collectives, shared memory and the runtime calls of emulator.h.
 *
 * Built apart from the kernels and never with the thread sanitizer: there each CUDA thread is a fiber of its own whose switches
 * order nothing, and only barriers and collectives do, which makes the sanitizer a check for races.
 */
#include "emulator.h"

#include <algorithm>
#include <chrono>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <string>
#include <sys/mman.h>
#include <unordered_map>
#include <vector>

#if !defined(__x86_64__)
#include <ucontext.h>
#endif

/* Present when the program runs under a sanitizer. */
extern "C" {
__attribute__((weak)) void *__tsan_create_fiber(unsigned flags);
__attribute__((weak)) void *__tsan_get_current_fiber();
__attribute__((weak)) void __tsan_switch_to_fiber(void *fiber, unsigned flags);
__attribute__((weak)) void __tsan_acquire(void *address);
__attribute__((weak)) void __tsan_release(void *address);
__attribute__((weak)) void AnnotateIgnoreReadsBegin(const char *file, int line);
__attribute__((weak)) void AnnotateIgnoreReadsEnd(const char *file, int line);
__attribute__((weak)) void AnnotateIgnoreWritesBegin(const char *file, int line);
__attribute__((weak)) void AnnotateIgnoreWritesEnd(const char *file, int line);
__attribute__((weak)) void __sanitizer_start_switch_fiber(void **save, const void *bottom, size_t size);
__attribute__((weak)) void __sanitizer_finish_switch_fiber(void *save, const void **bottom, size_t *size);
}

namespace emulated {

thread_local Thread *self;

namespace {

enum { STACK = 256 * 1024, MOST_THREADS = 1024, MOST_SHARED = 227 * 1024 };

#if defined(__x86_64__)
/* Saves the callee's registers on this stack, keeps its pointer in *from, and goes on with the stack to. */
extern "C" void rondo_emulated_switch(void **from, void *to);
asm(R"(
.text
.type rondo_emulated_switch, @function
rondo_emulated_switch:
    pushq %rbp
    pushq %rbx
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    movq %rsp, (%rdi)
    movq %rsi, %rsp
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbx
    popq %rbp
    ret
.size rondo_emulated_switch, .-rondo_emulated_switch
)");
#endif

struct Copy {
    void *to;
    const void *from;
    int bytes, used;
    unsigned group;
};

struct Fiber : Thread {
    char *stack = nullptr;
#if defined(__x86_64__)
    void *context = nullptr;
#else
    ucontext_t context;
#endif
    void *tsan = nullptr, *asan = nullptr;
    bool done = true;
    /* Where it waits, or null when it can run. */
    const char *waits = nullptr;
    unsigned char result[SLOT];
    std::vector<Copy> copies;
    unsigned group = 0;
};

/* Lanes of one mask that meet. */
struct Meeting {
    unsigned mask = 0, arrived = 0;
    const char *place = nullptr;
    unsigned char in[32][SLOT];
};

struct Warp {
    Meeting meetings[4];
    unsigned alive = 0;
};

/* Everything of the block that runs on this host thread. */
struct Block {
    /*
     * Blocks take turns with two sets of fibers. A fiber keeps its stack and its identity for the thread sanitizer, to which two
     * blocks in a row are then unordered.
     */
    std::vector<Fiber> sets[2];
    Fiber *fibers = nullptr;
    std::vector<Warp> warps;
    unsigned count = 0, alive = 0, waiting = 0;
    const char *barrier_place = nullptr;
    unsigned barrier_first = 0;
    /* Whether a thread that waits brought a value to the barrier, and one of those that met at the last. */
    int brought = 0, met = 0;
    std::unordered_map<const void *, void *> arrays;
    void *dynamic = nullptr;
    size_t dynamic_bytes = 0;
    const std::function<void()> *body = nullptr;
    const char *kernel = "";
#if defined(__x86_64__)
    void *scheduler = nullptr;
#else
    ucontext_t scheduler;
#endif
    void *scheduler_tsan = nullptr, *scheduler_asan = nullptr;
    const void *scheduler_bottom = nullptr;
    size_t scheduler_size = 0;
    bool failed = false;
    std::string message;
    uint64_t random = 0;
};

/*
 * While one lives, the thread sanitizer overlooks this thread: the emulator's own bookkeeping is no access of a kernel. Each fiber
 * has a state of its own, so the scheduler may keep one while fibers run.
 */
struct Unseen {
    Unseen()
    {
        if (!AnnotateIgnoreWritesBegin) return;
        AnnotateIgnoreReadsBegin(__FILE__, __LINE__);
        AnnotateIgnoreWritesBegin(__FILE__, __LINE__);
    }
    ~Unseen()
    {
        if (!AnnotateIgnoreWritesEnd) return;
        AnnotateIgnoreWritesEnd(__FILE__, __LINE__);
        AnnotateIgnoreReadsEnd(__FILE__, __LINE__);
    }
};

thread_local Block block;
thread_local cudaError_t last_error;
thread_local std::string last_message;

enum class Order { FORWARD, REVERSE, RANDOM };

struct Ordering {
    Order order = Order::RANDOM;
    uint64_t seed = 0;
    Ordering()
    {
        const char *asked = getenv("RONDO_EMULATED_ORDER");
        if (!asked) seed = 1;
        else if (strcmp(asked, "forward") == 0) order = Order::FORWARD;
        else if (strcmp(asked, "reverse") == 0) order = Order::REVERSE;
        else seed = strtoull(asked, nullptr, 10);
    }
    std::string text() const
    {
        return order == Order::FORWARD ? "forward" : order == Order::REVERSE ? "reverse" : std::to_string(seed);
    }
};
const Ordering ordering;

unsigned below(unsigned n)
{
    uint64_t &x = block.random;
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    return (unsigned) ((x >> 33) % n);
}

Fiber *current() { return static_cast<Fiber *>(self); }

void to_fiber(Fiber &fiber)
{
    self = &fiber;
    if (__tsan_switch_to_fiber) __tsan_switch_to_fiber(fiber.tsan, 1);
    if (__sanitizer_start_switch_fiber) __sanitizer_start_switch_fiber(&block.scheduler_asan, fiber.stack, STACK);
#if defined(__x86_64__)
    rondo_emulated_switch(&block.scheduler, fiber.context);
#else
    swapcontext(&block.scheduler, &fiber.context);
#endif
    if (__sanitizer_finish_switch_fiber) __sanitizer_finish_switch_fiber(block.scheduler_asan, nullptr, nullptr);
    self = nullptr;
}

/* last: the fiber will not come back. */
void to_scheduler(bool last)
{
    Fiber *fiber = current();
    if (__tsan_switch_to_fiber) __tsan_switch_to_fiber(block.scheduler_tsan, 1);
    if (__sanitizer_start_switch_fiber)
        __sanitizer_start_switch_fiber(last ? nullptr : &fiber->asan, block.scheduler_bottom, block.scheduler_size);
#if defined(__x86_64__)
    rondo_emulated_switch(&fiber->context, block.scheduler);
#else
    swapcontext(&fiber->context, &block.scheduler);
#endif
    if (__sanitizer_finish_switch_fiber) __sanitizer_finish_switch_fiber(fiber->asan, nullptr, nullptr);
}

void wait(const char *place)
{
    Fiber *fiber = current();
    fiber->waits = place;
    to_scheduler(false);
}

void entry()
{
    if (__sanitizer_finish_switch_fiber)
        __sanitizer_finish_switch_fiber(nullptr, &block.scheduler_bottom, &block.scheduler_size);
    if (__tsan_acquire) __tsan_acquire(&block.body);
    (*block.body)();
    Fiber *fiber = current();
    if (!fiber->copies.empty()) fail("thread %u of %s ends with cp.async that nobody waited for", fiber->thread.x, block.kernel);
    fiber->done = true;
    block.alive--;
    /* The end of a launch comes after all its threads; the blocks of one launch are in no order. */
    if (__tsan_release) __tsan_release(&block.kernel);
    Warp &warp = block.warps[fiber->warp];
    warp.alive &= ~(1u << fiber->lane);
    for (const Meeting &m : warp.meetings)
        if (m.arrived && m.mask >> fiber->lane & 1)
            fail("%s: lane %u of mask %08x has ended", m.place, fiber->lane, m.mask);
    if (block.waiting > 0)
        fail("%s: __syncthreads is waited at, but thread %u has ended", block.barrier_place, fiber->thread.x);
    to_scheduler(true);
    abort();
}

void prepare(Fiber &fiber)
{
    if (!fiber.stack) {
        void *memory = mmap(nullptr, STACK + 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (memory == MAP_FAILED) abort();
        mprotect(memory, 4096, PROT_NONE);
        fiber.stack = static_cast<char *>(memory) + 4096;
    }
#if defined(__x86_64__)
    /* What rondo_emulated_switch pops: six registers and the address of entry, the stack then 8 off a multiple of 16. */
    void **top = reinterpret_cast<void **>(fiber.stack + STACK - 64);
    *--top = nullptr;
    *--top = reinterpret_cast<void *>(&entry);
    for (int i = 0; i < 6; i++) *--top = nullptr;
    fiber.context = top;
#else
    getcontext(&fiber.context);
    fiber.context.uc_stack.ss_sp = fiber.stack;
    fiber.context.uc_stack.ss_size = STACK;
    fiber.context.uc_link = nullptr;
    makecontext(&fiber.context, entry, 0);
#endif
    if (__tsan_create_fiber && !fiber.tsan) fiber.tsan = __tsan_create_fiber(0);
    fiber.done = false;
    fiber.waits = nullptr;
    fiber.copies.clear();
    fiber.group = 0;
}

void forget_shared()
{
    for (auto &array : block.arrays) free(array.second);
    block.arrays.clear();
    free(block.dynamic);
    block.dynamic = nullptr;
}

/* Memory of exactly this size that reads as NaN. */
void *poisoned(size_t bytes)
{
    void *memory;
    if (posix_memalign(&memory, 16, bytes) != 0) abort();
    memset(memory, 0xff, bytes);
    return memory;
}

void run_block(uint64_t turn, dim3 index, dim3 blocks, dim3 threads)
{
    unsigned count = threads.x * threads.y * threads.z;
    std::vector<Fiber> &set = block.sets[turn % 2];
    if (set.empty()) set.resize(MOST_THREADS);
    block.fibers = set.data();
    block.count = block.alive = count;
    block.waiting = block.brought = 0;
    block.warps.assign((count + 31) / 32, Warp());
    for (unsigned i = 0; i < count; i++) {
        Fiber &fiber = block.fibers[i];
        prepare(fiber);
        fiber.thread = dim3(i % threads.x, i / threads.x % threads.y, i / threads.x / threads.y);
        fiber.block = index;
        fiber.blocks = blocks;
        fiber.threads = threads;
        fiber.lane = i % 32;
        fiber.warp = i / 32;
        block.warps[i / 32].alive |= 1u << i % 32;
    }
    if (block.dynamic_bytes) block.dynamic = poisoned(block.dynamic_bytes);
    std::vector<unsigned> order(count);
    for (unsigned i = 0; i < count; i++) order[i] = ordering.order == Order::REVERSE ? count - 1 - i : i;
    bool moved = true;
    while (block.alive > 0 && !block.failed) {
        if (!moved) {
            std::string where;
            for (unsigned i = 0; i < count && where.size() < 300; i++)
                if (!block.fibers[i].done) where += " thread " + std::to_string(i) + " at " + block.fibers[i].waits + ";";
            block.message = "deadlock:" + where;
            block.failed = true;
            break;
        }
        moved = false;
        if (ordering.order == Order::RANDOM)
            for (unsigned i = count; i > 1; i--) std::swap(order[i - 1], order[below(i)]);
        for (unsigned i = 0; i < count && !block.failed; i++) {
            Fiber &fiber = block.fibers[order[i]];
            if (fiber.done || fiber.waits) continue;
            moved = true;
            to_fiber(fiber);
        }
    }
    forget_shared();
}

cudaError_t remember(cudaError_t error, std::string message)
{
    last_error = error;
    last_message = std::move(message);
    return error;
}

void run(const char *name, dim3 blocks, dim3 threads, size_t bytes, const std::function<void()> &body)
{
    Unseen unseen;
    block.kernel = name;
    block.body = &body;
    block.dynamic_bytes = bytes;
    block.failed = false;
    block.random = ordering.seed * 0x9E3779B97F4A7C15u + 88172645463325252u;
    if (__tsan_get_current_fiber) block.scheduler_tsan = __tsan_get_current_fiber();
    if (__tsan_release) __tsan_release(&block.body);
    uint64_t total = (uint64_t) blocks.x * blocks.y * blocks.z;
    /* A random order of blocks: a start, and a step that shares no factor with their number. */
    uint64_t start = 0, step = 1;
    if (ordering.order == Order::RANDOM && total > 1) {
        start = below((unsigned) total);
        do step = 1 + below((unsigned) total);
        while (std::__gcd(step, total) != 1);
    }
    for (uint64_t i = 0; i < total && !block.failed; i++) {
        uint64_t b = ordering.order == Order::REVERSE ? total - 1 - i : (start + i * step) % total;
        run_block(i, dim3((unsigned) (b % blocks.x), (unsigned) (b / blocks.x % blocks.y), (unsigned) (b / blocks.x / blocks.y)), blocks,
            threads);
    }
    if (__tsan_acquire) __tsan_acquire(&block.kernel);
    if (block.failed)
        remember(cudaErrorLaunchFailure, std::string(name) + ": " + block.message + " (order " + ordering.text() + ")");
}

} // namespace

struct Stream {
    bool capturing = false;
    std::vector<std::function<void()>> recorded;
};

void fail(const char *format, ...)
{
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    block.failed = true;
    block.message = text;
    to_scheduler(true);
    abort();
}

void launch(const char *name, dim3 blocks, dim3 threads, size_t bytes, Stream *stream, std::function<void()> body)
{
    uint64_t count = (uint64_t) threads.x * threads.y * threads.z;
    if (count == 0 || count > MOST_THREADS || threads.z > 64 || blocks.x == 0 || blocks.y == 0 || blocks.z == 0
        || blocks.x > 0x7fffffffu || blocks.y > 65535 || blocks.z > 65535 || bytes > MOST_SHARED) {
        remember(cudaErrorInvalidConfiguration,
            std::string(name) + ": " + std::to_string(blocks.x) + " x " + std::to_string(blocks.y) + " x " + std::to_string(blocks.z)
                + " blocks of " + std::to_string(count) + " threads with " + std::to_string(bytes) + " bytes of shared memory");
        return;
    }
    auto work = [=] { run(name, blocks, threads, bytes, body); };
    if (stream->capturing) stream->recorded.push_back(work);
    else work();
}

int block_barrier(const char *place, int value)
{
    Fiber *fiber = current();
    if (block.waiting == 0) {
        block.barrier_place = place;
        block.barrier_first = fiber->thread.x;
    } else if (strcmp(block.barrier_place, place) != 0) {
        fail("divergent __syncthreads: thread %u at %s, thread %u at %s", block.barrier_first, block.barrier_place, fiber->thread.x, place);
    }
    if (block.alive < block.count) fail("%s: __syncthreads after another thread has ended", place);
    if (__tsan_release) __tsan_release(&block);
    block.brought |= value != 0;
    if (++block.waiting == block.count) {
        block.waiting = 0;
        block.met = block.brought;
        block.brought = 0;
        for (unsigned i = 0; i < block.count; i++) block.fibers[i].waits = nullptr;
    } else {
        wait(place);
    }
    if (__tsan_acquire) __tsan_acquire(&block);
    return block.met;
}

void collective(unsigned mask, const char *place, const void *in, size_t size, void *out, size_t size_out, Work work, const void *extra)
{
    Unseen unseen;
    Fiber *fiber = current();
    Warp &warp = block.warps[fiber->warp];
    if (!(mask >> fiber->lane & 1)) fail("%s: lane %u is not in its own mask %08x", place, fiber->lane, mask);
    if (mask & ~warp.alive) fail("%s: mask %08x names lanes that have ended or never were (%08x live)", place, mask, warp.alive);
    Meeting *meeting = nullptr;
    for (Meeting &m : warp.meetings)
        if (m.arrived && m.mask == mask) meeting = &m;
    if (meeting && strcmp(meeting->place, place) != 0) fail("divergent lanes of mask %08x: some at %s, others at %s", mask, meeting->place, place);
    if (!meeting)
        for (Meeting &m : warp.meetings) {
            if (m.arrived & mask) fail("%s: mask %08x overlaps mask %08x that waits at %s", place, mask, m.mask, m.place);
            if (!m.arrived) meeting = &m;
        }
    if (!meeting) fail("%s: more than four masks of one warp wait at once", place);
    meeting->mask = mask;
    meeting->place = place;
    meeting->arrived |= 1u << fiber->lane;
    if (size) memcpy(meeting->in[fiber->lane], in, size);
    if (__tsan_release) __tsan_release(&warp);
    if (meeting->arrived == mask) {
        if (__tsan_acquire) __tsan_acquire(&warp);
        if (work) {
            unsigned char results[32][SLOT];
            work(meeting->in, results, mask, extra);
            for (unsigned lane = 0; lane < 32; lane++)
                if (mask >> lane & 1) memcpy(block.fibers[fiber->warp * 32 + lane].result, results[lane], SLOT);
        }
        meeting->arrived = 0;
        if (__tsan_release) __tsan_release(&warp);
        for (unsigned lane = 0; lane < 32; lane++)
            if (mask >> lane & 1) block.fibers[fiber->warp * 32 + lane].waits = nullptr;
    } else {
        wait(place);
    }
    if (__tsan_acquire) __tsan_acquire(&warp);
    if (size_out) memcpy(out, fiber->result, size_out);
}

void warp_barrier(unsigned mask, const char *place) { collective(mask, place, nullptr, 0, nullptr, 0, nullptr, nullptr); }

void *shared_array(const void *place, size_t bytes)
{
    Unseen unseen;
    void *&array = block.arrays[place];
    if (!array) array = poisoned(bytes);
    return array;
}

void *shared_dynamic()
{
    if (!block.dynamic) fail("%s uses dynamic shared memory and was launched with none", block.kernel);
    return block.dynamic;
}

void copy_async(void *to, const void *from, int bytes, int used, const char *place)
{
    if (bytes != 4 && bytes != 8 && bytes != 16) fail("%s: cp.async of %d bytes, expected 4, 8 or 16", place, bytes);
    if ((uintptr_t) to % bytes || (uintptr_t) from % bytes) fail("%s: cp.async of %d bytes at a misaligned address", place, bytes);
    memset(to, 0xff, bytes);
    Unseen unseen;
    Fiber *fiber = current();
    fiber->copies.push_back({to, from, bytes, used, fiber->group});
}

void copy_commit() { current()->group++; }

void copy_wait(int pending)
{
    Fiber *fiber = current();
    size_t done = 0;
    for (; done < fiber->copies.size(); done++) {
        const Copy &copy = fiber->copies[done];
        if ((int) (fiber->group - copy.group) <= pending) break;
        memset(copy.to, 0, copy.bytes);
        memcpy(copy.to, copy.from, copy.used);
    }
    Unseen unseen;
    fiber->copies.erase(fiber->copies.begin(), fiber->copies.begin() + done);
}

} // namespace emulated

using emulated::remember;
using emulated::Stream;

struct EmulatedGraph {
    std::vector<std::function<void()>> steps;
    int references = 1;
};

cudaError_t cudaGetDeviceCount(int *count) { return *count = 1, cudaSuccess; }
cudaError_t cudaSetDevice(int device)
{
    return device == 0 ? cudaSuccess : remember(cudaErrorInvalidDevice, "the emulator is device 0 alone");
}
cudaError_t cudaGetDeviceProperties(cudaDeviceProp *properties, int)
{
    snprintf(properties->name, sizeof(properties->name), "emulated, order %s", emulated::ordering.text().c_str());
    return cudaSuccess;
}
cudaError_t cudaDeviceGetAttribute(int *value, cudaDeviceAttr attribute, int)
{
    *value = attribute == cudaDevAttrMultiProcessorCount ? 4 : attribute == cudaDevAttrComputeCapabilityMajor ? 8 : 0;
    return cudaSuccess;
}

/* Device memory in use, each allocation by its size; at most RONDO_EMULATED_MEMORY bytes, which is asked anew each time. */
static std::mutex memory_lock;
static std::unordered_map<void *, size_t> allocations;
static size_t allocated;

static size_t all_memory()
{
    const char *asked = getenv("RONDO_EMULATED_MEMORY");
    return asked ? (size_t) strtoull(asked, nullptr, 10) : size_t(4) << 30;
}

static cudaError_t aligned(void **memory, size_t bytes)
{
    return posix_memalign(memory, 256, bytes) == 0 ? cudaSuccess : remember(cudaErrorMemoryAllocation, "out of memory");
}

cudaError_t cudaMemGetInfo(size_t *free_bytes, size_t *total)
{
    std::lock_guard<std::mutex> lock(memory_lock);
    *total = all_memory();
    *free_bytes = *total - std::min(*total, allocated);
    return cudaSuccess;
}
cudaError_t cudaMalloc(void **memory, size_t bytes)
{
    std::lock_guard<std::mutex> lock(memory_lock);
    size_t total = all_memory();
    if (bytes > total - std::min(total, allocated)) return remember(cudaErrorMemoryAllocation, "out of memory");
    cudaError_t error = aligned(memory, bytes);
    if (error == cudaSuccess) allocated += allocations[*memory] = bytes;
    return error;
}
cudaError_t cudaFree(void *memory)
{
    std::lock_guard<std::mutex> lock(memory_lock);
    auto found = allocations.find(memory);
    if (found != allocations.end()) {
        allocated -= found->second;
        allocations.erase(found);
    }
    return free(memory), cudaSuccess;
}
cudaError_t cudaMallocHost(void **memory, size_t bytes) { return aligned(memory, bytes); }
cudaError_t cudaFreeHost(void *memory) { return free(memory), cudaSuccess; }

static cudaError_t submit(Stream *stream, std::function<void()> work)
{
    if (stream->capturing) stream->recorded.push_back(std::move(work));
    else work();
    return cudaSuccess;
}

cudaError_t cudaMemcpyAsync(void *to, const void *from, size_t bytes, cudaMemcpyKind, Stream *stream)
{
    return submit(stream, [=] { memmove(to, from, bytes); });
}
cudaError_t cudaMemsetAsync(void *to, int value, size_t bytes, Stream *stream)
{
    return submit(stream, [=] { memset(to, value, bytes); });
}
cudaError_t cudaStreamCreateWithFlags(Stream **stream, unsigned) { return *stream = new Stream, cudaSuccess; }
cudaError_t cudaStreamDestroy(Stream *stream) { return delete stream, cudaSuccess; }
cudaError_t cudaStreamSynchronize(Stream *stream)
{
    if (stream->capturing) return remember(cudaErrorStreamCaptureUnsupported, "a stream is synchronised while it captures");
    return emulated::last_error;
}
cudaError_t cudaStreamBeginCapture(Stream *stream, cudaStreamCaptureMode)
{
    stream->capturing = true;
    stream->recorded.clear();
    return cudaSuccess;
}
cudaError_t cudaStreamEndCapture(Stream *stream, EmulatedGraph **graph)
{
    stream->capturing = false;
    *graph = new EmulatedGraph{std::move(stream->recorded)};
    stream->recorded.clear();
    return cudaSuccess;
}
cudaError_t cudaGraphInstantiate(EmulatedGraph **executable, EmulatedGraph *graph, unsigned long long)
{
    graph->references++;
    return *executable = graph, cudaSuccess;
}
cudaError_t cudaGraphLaunch(EmulatedGraph *executable, Stream *stream)
{
    for (const auto &step : executable->steps) {
        submit(stream, step);
        if (emulated::last_error) break;
    }
    return emulated::last_error;
}
cudaError_t cudaGraphDestroy(EmulatedGraph *graph)
{
    if (--graph->references == 0) delete graph;
    return cudaSuccess;
}
cudaError_t cudaGraphExecDestroy(EmulatedGraph *executable) { return cudaGraphDestroy(executable); }
cudaError_t cudaEventCreate(double **event) { return *event = new double(0), cudaSuccess; }
cudaError_t cudaEventDestroy(double *event) { return delete event, cudaSuccess; }
cudaError_t cudaEventRecord(double *event, Stream *stream)
{
    return submit(stream, [=] { *event = std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); });
}
cudaError_t cudaEventSynchronize(double *) { return emulated::last_error; }
cudaError_t cudaEventElapsedTime(float *milliseconds, double *from, double *to)
{
    return *milliseconds = (float) (1e3 * (*to - *from)), cudaSuccess;
}
cudaError_t cudaGetLastError()
{
    cudaError_t error = emulated::last_error;
    emulated::last_error = cudaSuccess;
    return error;
}
const char *cudaGetErrorString(cudaError_t error)
{
    return error == cudaSuccess ? "no error" : emulated::last_message.c_str();
}
