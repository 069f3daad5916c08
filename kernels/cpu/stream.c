/*
 * stream.c: worker threads and memory of a CPU stream.
 *
 * A job is published by one store to "ticket": the job's number in the high half, the chunks still unclaimed in the low half.
 * A thread claims a chunk by compare-and-swap of ticket to ticket - 1 and reads the job only after that, which is safe because
 * the caller does not touch the job again before every claimed chunk is finished. A worker that wakes late finds no chunk left
 * and disturbs nobody: the caller waits for chunks, never for workers.
 *
 * Workers look for work for some tens of microseconds, then sleep. One thread uses a stream at a time.
 */
#include "glibc.h"
#include "stream.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "kernels.h"

enum { MOST_THREADS = 256, WORKER_LOOKS = 1500, CALLER_LOOKS = 4000, SMALL_WORK = 40000, COPY_CHUNK = 1 << 20 };

struct worker {
    pthread_t thread;
    rondo_stream *stream;
    int32_t index;
};

struct rondo_stream {
    _Alignas(64) _Atomic uint64_t ticket;
    _Alignas(64) _Atomic int64_t finished;
    _Alignas(64) _Atomic int32_t sleepers;
    _Atomic bool caller_sleeps;
    _Atomic bool stop;
    rondo_task *task;
    const void *job;
    int64_t chunks;
    uint32_t number;
    int32_t threads;
    float *memory;
    double *partials;
    double began;
    pthread_mutex_t mutex;
    pthread_cond_t work;
    pthread_cond_t done;
    struct worker workers[MOST_THREADS];
};

static inline void relax(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

static float *scratch_of(rondo_stream *s, int32_t index)
{
    return s->memory + RONDO_SHARED_SCRATCH + (int64_t) index * RONDO_THREAD_SCRATCH;
}

float *rondo_thread_scratch(rondo_stream *s) { return scratch_of(s, 0); }
float *rondo_shared_scratch(rondo_stream *s) { return s->memory; }
double *rondo_partials(rondo_stream *s) { return s->partials; }

static bool run_chunk(rondo_stream *s, int32_t index)
{
    uint64_t ticket = atomic_load_explicit(&s->ticket, memory_order_acquire);
    while ((uint32_t) ticket != 0) {
        if (!atomic_compare_exchange_weak_explicit(
                &s->ticket, &ticket, ticket - 1, memory_order_acq_rel, memory_order_acquire))
            continue;
        int64_t chunks = s->chunks;
        s->task(s->job, chunks - (int64_t) (uint32_t) ticket, scratch_of(s, index));
        if (atomic_fetch_add(&s->finished, 1) + 1 == chunks && atomic_load(&s->caller_sleeps)) {
            pthread_mutex_lock(&s->mutex);
            pthread_cond_signal(&s->done);
            pthread_mutex_unlock(&s->mutex);
        }
        return true;
    }
    return false;
}

static void *work(void *argument)
{
    struct worker *worker = argument;
    rondo_stream *s = worker->stream;
    while (!atomic_load(&s->stop)) {
        bool ran = false;
        for (int look = 0; look < WORKER_LOOKS; look++) {
            if (run_chunk(s, worker->index)) {
                ran = true;
                break;
            }
            relax();
        }
        if (ran) continue;
        pthread_mutex_lock(&s->mutex);
        atomic_fetch_add(&s->sleepers, 1);
        while ((uint32_t) atomic_load(&s->ticket) == 0 && !atomic_load(&s->stop)) pthread_cond_wait(&s->work, &s->mutex);
        atomic_fetch_sub(&s->sleepers, 1);
        pthread_mutex_unlock(&s->mutex);
    }
    return 0;
}

void rondo_parallel(rondo_stream *s, int64_t chunks, int64_t amount, rondo_task *task, const void *job)
{
    if (s->threads == 1 || chunks <= 1 || amount < SMALL_WORK) {
        for (int64_t chunk = 0; chunk < chunks; chunk++) task(job, chunk, scratch_of(s, 0));
        return;
    }
    s->task = task;
    s->job = job;
    s->chunks = chunks;
    atomic_store_explicit(&s->finished, 0, memory_order_relaxed);
    atomic_store(&s->ticket, (uint64_t) ++s->number << 32 | (uint32_t) chunks);
    if (atomic_load(&s->sleepers) > 0) {
        pthread_mutex_lock(&s->mutex);
        if (chunks > 2) pthread_cond_broadcast(&s->work);
        else pthread_cond_signal(&s->work);
        pthread_mutex_unlock(&s->mutex);
    }
    while (run_chunk(s, 0)) {}
    for (int look = 0; look < CALLER_LOOKS; look++) {
        if (atomic_load_explicit(&s->finished, memory_order_acquire) == chunks) return;
        relax();
    }
    pthread_mutex_lock(&s->mutex);
    atomic_store(&s->caller_sleeps, true);
    while (atomic_load(&s->finished) != chunks) pthread_cond_wait(&s->done, &s->mutex);
    atomic_store(&s->caller_sleeps, false);
    pthread_mutex_unlock(&s->mutex);
}

int32_t rondo_stream_create(int32_t device, int32_t threads, rondo_stream **stream)
{
    NEED(stream_create, stream);
    REQUIRE(device == 0, "rondo_stream_create: device is %d, expected 0: a processor is one device", device);
    int32_t code = rondo_check_choice();
    if (code != RONDO_OK) return code;
    REQUIRE(threads >= 1 && threads <= MOST_THREADS, "rondo_stream_create: threads is %d, expected 1 to %d", threads, MOST_THREADS);
    rondo_stream *s = aligned_alloc(64, round_up(sizeof(rondo_stream), 64));
    if (!s) return rondo_fail(RONDO_NO_MEMORY, "rondo_stream_create: no memory for a stream");
    memset(s, 0, sizeof(*s));
    int64_t floats = RONDO_SHARED_SCRATCH + (int64_t) threads * RONDO_THREAD_SCRATCH;
    s->memory = aligned_alloc(64, floats * sizeof(float));
    s->partials = aligned_alloc(64, RONDO_PARTIALS * sizeof(double));
    if (!s->memory || !s->partials) {
        free(s->memory);
        free(s->partials);
        free(s);
        return rondo_fail(RONDO_NO_MEMORY, "rondo_stream_create: no memory for %d threads, expected %lld bytes of scratch",
            threads, (long long) (floats * (int64_t) sizeof(float)));
    }
    pthread_mutex_init(&s->mutex, 0);
    pthread_cond_init(&s->work, 0);
    pthread_cond_init(&s->done, 0);
    s->threads = 1;
    for (int32_t i = 1; i < threads; i++) {
        s->workers[i] = (struct worker){.stream = s, .index = i};
        if (pthread_create(&s->workers[i].thread, 0, work, &s->workers[i]) != 0) {
            rondo_stream_destroy(s);
            return rondo_fail(RONDO_NO_MEMORY, "rondo_stream_create: thread %d of %d could not be started", i + 1, threads);
        }
        s->threads = i + 1;
    }
    *stream = s;
    return RONDO_OK;
}

int32_t rondo_stream_destroy(rondo_stream *s)
{
    NEED(stream_destroy, s);
    pthread_mutex_lock(&s->mutex);
    atomic_store(&s->stop, true);
    pthread_cond_broadcast(&s->work);
    pthread_mutex_unlock(&s->mutex);
    for (int32_t i = 1; i < s->threads; i++) pthread_join(s->workers[i].thread, 0);
    pthread_mutex_destroy(&s->mutex);
    pthread_cond_destroy(&s->work);
    pthread_cond_destroy(&s->done);
    free(s->memory);
    free(s->partials);
    free(s);
    return RONDO_OK;
}

int32_t rondo_stream_synchronize(rondo_stream *s)
{
    NEED(stream_synchronize, s);
    return RONDO_OK;
}

static int32_t nothing_to_record(const char *function)
{
    return rondo_fail(RONDO_UNSUPPORTED, "%s: calls on a processor are not recorded", function);
}
int32_t rondo_capture_begin(rondo_stream *s) { return nothing_to_record("rondo_capture_begin"); }
int32_t rondo_capture_end(rondo_stream *s, rondo_graph **graph) { return nothing_to_record("rondo_capture_end"); }
int32_t rondo_graph_launch(rondo_stream *s, rondo_graph *graph) { return nothing_to_record("rondo_graph_launch"); }
int32_t rondo_graph_destroy(rondo_graph *graph) { return nothing_to_record("rondo_graph_destroy"); }

int32_t rondo_allocate(rondo_stream *s, int64_t bytes, void **memory)
{
    NEED(allocate, s);
    NEED(allocate, memory);
    EXTENT(allocate, bytes, 0);
    int64_t size = round_up(most(bytes, 1), 64);
    /* calloc of a large size takes fresh zero pages, which are touched (and placed) by whoever uses them first. */
    char *raw = calloc(1, (size_t) size + 64);
    if (!raw) return rondo_fail(RONDO_NO_MEMORY, "rondo_allocate: no memory for %lld bytes", (long long) bytes);
    char *aligned = (char *) (((uintptr_t) raw + 64) & ~(uintptr_t) 63);
    memcpy(aligned - sizeof(char *), &raw, sizeof(char *));
    *memory = aligned;
    return RONDO_OK;
}

int32_t rondo_release(rondo_stream *s, void *memory, int64_t bytes)
{
    NEED(release, s);
    EXTENT(release, bytes, 0);
    if (!memory) return RONDO_OK;
    char *raw;
    memcpy(&raw, (char *) memory - sizeof(char *), sizeof(char *));
    free(raw);
    return RONDO_OK;
}

int32_t rondo_allocate_staging(rondo_stream *s, int64_t bytes, void **memory) { return rondo_allocate(s, bytes, memory); }
int32_t rondo_release_staging(rondo_stream *s, void *memory, int64_t bytes) { return rondo_release(s, memory, bytes); }

int32_t rondo_memory(rondo_stream *s, int64_t *unused, int64_t *total)
{
    NEED(memory, s);
    NEED(memory, unused);
    NEED(memory, total);
    int64_t page = sysconf(_SC_PAGESIZE);
    *unused = page * sysconf(_SC_AVPHYS_PAGES);
    *total = page * sysconf(_SC_PHYS_PAGES);
    return RONDO_OK;
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double) t.tv_sec + 1e-9 * (double) t.tv_nsec;
}

int32_t rondo_timer_begin(rondo_stream *s)
{
    NEED(timer_begin, s);
    s->began = now();
    return RONDO_OK;
}

int32_t rondo_timer_end(rondo_stream *s, double *seconds)
{
    NEED(timer_end, s);
    NEED(timer_end, seconds);
    *seconds = now() - s->began;
    return RONDO_OK;
}

struct copy {
    const char *from;
    char *to;
    int64_t bytes;
};

static void copy_chunk(const void *job, int64_t chunk, float *scratch)
{
    const struct copy *j = job;
    int64_t start = chunk * COPY_CHUNK, size = least(COPY_CHUNK, j->bytes - start);
    if (j->from) memmove(j->to + start, j->from + start, size);
    else memset(j->to + start, 0, size);
}

int32_t rondo_copy(rondo_stream *s, const void *from, void *to, int64_t bytes)
{
    NEED(copy, s);
    EXTENT(copy, bytes, 0);
    if (bytes == 0 || from == to) return RONDO_OK;
    NEED(copy, from);
    NEED(copy, to);
    struct copy job = {from, to, bytes};
    rondo_parallel(s, pieces(bytes, COPY_CHUNK), bytes / 4, copy_chunk, &job);
    return RONDO_OK;
}

int32_t rondo_zero(rondo_stream *s, void *memory, int64_t bytes)
{
    NEED(zero, s);
    EXTENT(zero, bytes, 0);
    if (bytes == 0) return RONDO_OK;
    NEED(zero, memory);
    struct copy job = {0, memory, bytes};
    rondo_parallel(s, pieces(bytes, COPY_CHUNK), bytes / 4, copy_chunk, &job);
    return RONDO_OK;
}
