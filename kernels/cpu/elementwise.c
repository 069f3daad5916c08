/*
 * elementwise.c: add, scale, cast, the first element that is no finite number.
 *
 * add: out = a + b (12 bytes an element moved); scale: out = factor * x (8 bytes); cast: f32 <-> bf16, round to nearest even
 * (6 bytes). Bound by memory; chunks of CHUNK elements go to the threads.
 */
#include "kernels.h"
#include "simd.h"

enum { CHUNK = 16384 };

struct job {
    const float *a, *b;
    float *out;
    float factor;
    int64_t n;
};

static void add_chunk(const void *job, int64_t chunk, float *scratch)
{
    const struct job *j = job;
    int64_t start = chunk * CHUNK, n = least(CHUNK, j->n - start);
    const float *a = j->a + start, *b = j->b + start;
    float *out = j->out + start;
    INDEPENDENT for (int64_t i = 0; i < n; i++) out[i] = a[i] + b[i];
}

int32_t K(add)(rondo_stream *s, int32_t type, const void *a, const void *b, int64_t n, void *out)
{
    struct job job = {a, b, out, 0, n};
    rondo_parallel(s, pieces(n, CHUNK), n, add_chunk, &job);
    return RONDO_OK;
}

static void scale_chunk(const void *job, int64_t chunk, float *scratch)
{
    const struct job *j = job;
    int64_t start = chunk * CHUNK, n = least(CHUNK, j->n - start);
    const float *x = j->a + start;
    float *out = j->out + start, factor = j->factor;
    INDEPENDENT for (int64_t i = 0; i < n; i++) out[i] = factor * x[i];
}

int32_t K(scale)(rondo_stream *s, int32_t type, const void *x, float factor, int64_t n, void *out)
{
    struct job job = {x, 0, out, factor, n};
    rondo_parallel(s, pieces(n, CHUNK), n, scale_chunk, &job);
    return RONDO_OK;
}

struct cast {
    const void *x;
    void *out;
    int64_t n;
    int32_t from;
};

static void cast_chunk(const void *job, int64_t chunk, float *scratch)
{
    const struct cast *j = job;
    int64_t start = chunk * CHUNK, n = least(CHUNK, j->n - start);
    if (j->from == RONDO_F32) {
        const float *x = (const float *) j->x + start;
        uint16_t *out = (uint16_t *) j->out + start;
        INDEPENDENT for (int64_t i = 0; i < n; i++) out[i] = narrow_one(x[i]);
    } else {
        const uint16_t *x = (const uint16_t *) j->x + start;
        float *out = (float *) j->out + start;
        INDEPENDENT for (int64_t i = 0; i < n; i++) out[i] = widen_one(x[i]);
    }
}

int32_t K(cast)(rondo_stream *s, const void *x, int32_t from, int64_t n, void *out, int32_t to)
{
    struct cast job = {x, out, n, from};
    rondo_parallel(s, pieces(n, CHUNK), n, cast_chunk, &job);
    return RONDO_OK;
}

static void search_chunk(const void *job, int64_t chunk, float *scratch)
{
    const struct cast *j = job;
    int64_t start = chunk * CHUNK, end = least(start + CHUNK, j->n), *found = (int64_t *) j->out;
    for (int64_t i = start; i < end; i++) {
        float x = j->from == RONDO_F32 ? ((const float *) j->x)[i] : widen_one(((const uint16_t *) j->x)[i]);
        if (isfinite(x)) continue;
        /* The smallest index, whichever thread comes first. */
        int64_t before = __atomic_load_n(found, __ATOMIC_RELAXED);
        while ((before < 0 || i < before) && !__atomic_compare_exchange_n(found, &before, i, 1, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
        }
        return;
    }
}

int32_t K(first_nonfinite)(rondo_stream *s, int32_t type, const void *x, int64_t n, int64_t *out)
{
    struct cast job = {x, out, n, type};
    *out = -1;
    rondo_parallel(s, pieces(n, CHUNK), n, search_chunk, &job);
    return RONDO_OK;
}
