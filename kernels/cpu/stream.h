/*
 * stream.h: a stream of the CPU: its worker threads, the parallel loop over fixed chunks, and the fixed scratch.
 */
#ifndef RONDO_CPU_STREAM_H
#define RONDO_CPU_STREAM_H

#include <stdint.h>

#include "../rondo.h"

/* Scratch in floats: of each thread, and of the stream; the latter belongs to one operation at a time. */
enum { RONDO_THREAD_SCRATCH = 512 * 1024, RONDO_SHARED_SCRATCH = 4 * 1024 * 1024, RONDO_PARTIALS = 4096 };

/* One chunk of a job. scratch is the RONDO_THREAD_SCRATCH floats of the thread that runs it, 64-byte aligned. */
typedef void rondo_task(const void *job, int64_t chunk, float *scratch);

/*
 * Runs task for every chunk in 0..chunks-1 and returns when all are done. work is a rough count of elementary steps (about a
 * quarter of a nanosecond each) of all chunks together: small jobs run on the caller alone and wake nobody.
 */
void rondo_parallel(rondo_stream *s, int64_t chunks, int64_t work, rondo_task *task, const void *job);

float *rondo_thread_scratch(rondo_stream *s);
float *rondo_shared_scratch(rondo_stream *s);

/* RONDO_PARTIALS doubles for sums, one per chunk. */
double *rondo_partials(rondo_stream *s);

#endif
