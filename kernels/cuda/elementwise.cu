/*
 * elementwise.cu: out = a + b, out = factor * x, casts between f32 and bf16, the first element that is no finite number.
 *
 * Bound by memory: 3, 2 and 1 elements moved each. 16 bytes a thread and access where pointers allow, else one element.
 */
#include "vectors.cuh"

#include <cfloat>

constexpr int THREADS = 256;

template <class T, bool WIDE> __global__ void add_kernel(const T *a, const T *b, int64_t n, T *out)
{
    constexpr int N = STEP<T, WIDE>;
    int64_t whole = n / N;
    for (int64_t i = first_index(); i < whole; i += index_step()) {
        float x[N], y[N];
        load(a + i * N, x);
        load(b + i * N, y);
        for (int e = 0; e < N; e++) x[e] += y[e];
        store(out + i * N, x);
    }
    for (int64_t i = whole * N + first_index(); i < n; i += index_step()) put(out + i, get(a[i]) + get(b[i]));
}

int32_t device_add(rondo_stream *s, int32_t type, const void *a, const void *b, int64_t n, void *out)
{
    by_type(type, [&](auto element) {
        using T = decltype(element);
        const T *left = (const T *) a, *right = (const T *) b;
        T *to = (T *) out;
        if (aligned16(a, b, out)) {
            unsigned blocks = blocks_for(pieces(n, STEP<T, true>), THREADS);
            LAUNCH((add_kernel<T, true>), blocks, THREADS, 0, s->stream, left, right, n, to);
        } else {
            LAUNCH((add_kernel<T, false>), blocks_for(n, THREADS), THREADS, 0, s->stream, left, right, n, to);
        }
    });
    return launched(s, "rondo_add");
}

template <class T, bool WIDE> __global__ void scale_kernel(const T *from, float factor, int64_t n, T *out)
{
    constexpr int N = STEP<T, WIDE>;
    int64_t whole = n / N;
    for (int64_t i = first_index(); i < whole; i += index_step()) {
        float x[N];
        load(from + i * N, x);
        for (int e = 0; e < N; e++) x[e] *= factor;
        store(out + i * N, x);
    }
    for (int64_t i = whole * N + first_index(); i < n; i += index_step()) put(out + i, factor * get(from[i]));
}

int32_t device_scale(rondo_stream *s, int32_t type, const void *x, float factor, int64_t n, void *out)
{
    by_type(type, [&](auto element) {
        using T = decltype(element);
        const T *from = (const T *) x;
        T *to = (T *) out;
        if (aligned16(x, out)) {
            unsigned blocks = blocks_for(pieces(n, STEP<T, true>), THREADS);
            LAUNCH((scale_kernel<T, true>), blocks, THREADS, 0, s->stream, from, factor, n, to);
        } else {
            LAUNCH((scale_kernel<T, false>), blocks_for(n, THREADS), THREADS, 0, s->stream, from, factor, n, to);
        }
    });
    return launched(s, "rondo_scale");
}

/* Eight elements: 16 bytes of the narrower side. */
template <class From, class To, bool WIDE> __global__ void cast_kernel(const From *from, int64_t n, To *out)
{
    constexpr int N = WIDE ? 8 : 1;
    int64_t whole = n / N;
    for (int64_t i = first_index(); i < whole; i += index_step()) {
        float x[N];
        load(from + i * N, x);
        store(out + i * N, x);
    }
    for (int64_t i = whole * N + first_index(); i < n; i += index_step()) put(out + i, get(from[i]));
}

template <class From, class To> static void cast(rondo_stream *s, const From *from, int64_t n, To *out)
{
    if (aligned16(from, out)) LAUNCH((cast_kernel<From, To, true>), blocks_for(pieces(n, 8), THREADS), THREADS, 0, s->stream, from, n, out);
    else LAUNCH((cast_kernel<From, To, false>), blocks_for(n, THREADS), THREADS, 0, s->stream, from, n, out);
}

int32_t device_cast(rondo_stream *s, const void *x, int32_t from, int64_t n, void *out, int32_t)
{
    if (from == RONDO_F32) cast(s, (const float *) x, n, (uint16_t *) out);
    else cast(s, (const uint16_t *) x, n, (float *) out);
    return launched(s, "rondo_cast");
}

template <class T> __global__ void search_kernel(const T *x, int64_t n, unsigned long long *found)
{
    for (int64_t i = first_index(); i < n; i += index_step())
        if (!(fabsf(get(x[i])) <= FLT_MAX)) {
            atomicMin(found, (unsigned long long) i);
            return;
        }
}

int32_t device_first_nonfinite(rondo_stream *s, int32_t type, const void *x, int64_t n, int64_t *out)
{
    /* All bits set is -1, and greater than any index to the search. */
    cudaMemsetAsync(out, 0xff, sizeof(int64_t), s->stream);
    if (n > 0)
        by_type(type, [&](auto element) {
            using T = decltype(element);
            const T *from = (const T *) x;
            unsigned long long *found = (unsigned long long *) out;
            LAUNCH(search_kernel<T>, blocks_for(n, THREADS), THREADS, 0, s->stream, from, n, found);
        });
    return launched(s, "rondo_first_nonfinite");
}
