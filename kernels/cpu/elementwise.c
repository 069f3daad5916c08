/*
 * elementwise.c: add, scale, cast.
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
    (void) scratch;
    int64_t start = chunk * CHUNK, n = least(CHUNK, j->n - start);
    const float *a = j->a + start, *b = j->b + start;
    float *out = j->out + start;
    INDEPENDENT for (int64_t i = 0; i < n; i++) out[i] = a[i] + b[i];
}

int32_t K(add)(rondo_stream *s, const float *a, const float *b, int64_t n, float *out)
{
    NEED(add, s);
    EXTENT(add, n, 0);
    if (n == 0) return RONDO_OK;
    NEED(add, a);
    NEED(add, b);
    NEED(add, out);
    struct job job = {a, b, out, 0, n};
    rondo_parallel(s, pieces(n, CHUNK), n, add_chunk, &job);
    return RONDO_OK;
}

static void scale_chunk(const void *job, int64_t chunk, float *scratch)
{
    const struct job *j = job;
    (void) scratch;
    int64_t start = chunk * CHUNK, n = least(CHUNK, j->n - start);
    const float *x = j->a + start;
    float *out = j->out + start, factor = j->factor;
    INDEPENDENT for (int64_t i = 0; i < n; i++) out[i] = factor * x[i];
}

int32_t K(scale)(rondo_stream *s, const float *x, float factor, int64_t n, float *out)
{
    NEED(scale, s);
    EXTENT(scale, n, 0);
    if (n == 0) return RONDO_OK;
    NEED(scale, x);
    NEED(scale, out);
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
    (void) scratch;
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
    NEED(cast, s);
    EXTENT(cast, n, 0);
    REQUIRE((from == RONDO_F32 || from == RONDO_BF16) && (to == RONDO_F32 || to == RONDO_BF16),
        "rondo_cast: from type %d to type %d, expected f32 (0) or bf16 (1)", from, to);
    if (n == 0) return RONDO_OK;
    NEED(cast, x);
    NEED(cast, out);
    if (from == to) return rondo_copy(s, x, out, n * (from == RONDO_F32 ? 4 : 2));
    struct cast job = {x, out, n, from};
    rondo_parallel(s, pieces(n, CHUNK), n, cast_chunk, &job);
    return RONDO_OK;
}
