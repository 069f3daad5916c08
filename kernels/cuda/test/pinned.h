/*
 * pinned.h: put before each source of the self-test (cpu/test), which reads and writes its operands as a program does, so that it
 * runs on a GPU as it is: what it allocates is page-locked memory of the host, at one address for both, and each of its
 * allocations is one of CUDA's, whose ends a sanitizer knows. rondo_allocate gives such memory too; copies are awaited.
 */
#ifndef RONDO_TEST_PINNED_H
#define RONDO_TEST_PINNED_H

#include <stdlib.h>

#include "../../rondo.h"

#ifdef __cplusplus
extern "C" {
#endif

void *pinned_malloc(size_t bytes);
void *pinned_calloc(size_t count, size_t size);
void pinned_free(void *memory);
int32_t pinned_allocate(rondo_stream *s, int64_t bytes, void **memory);
int32_t pinned_release(rondo_stream *s, void *memory, int64_t bytes);
int32_t awaited_copy(rondo_stream *s, const void *from, void *to, int64_t bytes);
int32_t awaited_zero(rondo_stream *s, void *memory, int64_t bytes);
int test_main(int count, char **arguments);

#ifdef __cplusplus
}
#else
#define malloc pinned_malloc
#define calloc pinned_calloc
#define free pinned_free
#define rondo_allocate pinned_allocate
#define rondo_release pinned_release
#define rondo_copy awaited_copy
#define rondo_zero awaited_zero
#define main test_main
#endif
#endif
