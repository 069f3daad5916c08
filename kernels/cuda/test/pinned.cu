/*
 * pinned.cu: runs the self-test on a GPU. Operands on the stack are read by the GPU as well, so the test runs on a thread whose
 * stack is page-locked; every launch is awaited (RONDO_SYNC=1), since the test looks at results at once.
 */
#include "pinned.h"

#include <pthread.h>

#include <cstdio>
#include <cstring>

#include <cuda_runtime.h>

static constexpr size_t STACK = 16 << 20;

void *pinned_malloc(size_t bytes)
{
    void *memory = nullptr;
    cudaError_t error = cudaHostAlloc(&memory, bytes ? bytes : 1, cudaHostAllocPortable | cudaHostAllocMapped);
    if (error != cudaSuccess) {
        printf("%zu bytes of page-locked memory: %s\n", bytes, cudaGetErrorString(error));
        exit(1);
    }
    return memory;
}

void *pinned_calloc(size_t count, size_t size) { return memset(pinned_malloc(count * size), 0, count * size); }

void pinned_free(void *memory)
{
    cudaError_t error = cudaFreeHost(memory);
    if (error == cudaSuccess) return;
    printf("free: %s\n", cudaGetErrorString(error));
    exit(1);
}

int32_t pinned_allocate(rondo_stream *, int64_t bytes, void **memory)
{
    *memory = pinned_calloc(1, (size_t) bytes);
    return RONDO_OK;
}

int32_t pinned_release(rondo_stream *, void *memory, int64_t)
{
    pinned_free(memory);
    return RONDO_OK;
}

int32_t awaited_copy(rondo_stream *s, const void *from, void *to, int64_t bytes)
{
    int32_t code = rondo_copy(s, from, to, bytes);
    return code == RONDO_OK ? rondo_stream_synchronize(s) : code;
}

int32_t awaited_zero(rondo_stream *s, void *memory, int64_t bytes)
{
    int32_t code = rondo_zero(s, memory, bytes);
    return code == RONDO_OK ? rondo_stream_synchronize(s) : code;
}

struct Call {
    int count, code;
    char **arguments;
};

static void *run(void *argument)
{
    Call *call = static_cast<Call *>(argument);
    call->code = test_main(call->count, call->arguments);
    return nullptr;
}

int main(int count, char **arguments)
{
    setenv("RONDO_SYNC", "1", 1);
    if (cudaSetDevice(0) != cudaSuccess) {
        printf("%s\n", rondo_describe());
        return 1;
    }
    Call call = {count, 1, arguments};
    pthread_attr_t attributes;
    pthread_t thread;
    void *stack = pinned_malloc(STACK);
    if (pthread_attr_init(&attributes) || pthread_attr_setstack(&attributes, stack, STACK)
        || pthread_create(&thread, &attributes, run, &call) || pthread_join(thread, nullptr)) {
        printf("no thread on a page-locked stack\n");
        return 1;
    }
    pinned_free(stack);
    return call.code;
}
