/*
 * optimizers.c: sums of squares, gradient clipping, AdamW, and the elementwise parts of Muon.
 *
 * All bound by memory: AdamW moves 28 bytes a parameter, Muon's momentum 16, its application 12 (10 with bf16), a sum of
 * squares 4. Sums are taken in double over chunks fixed by the length and added in chunk order.
 */
#include "kernels.h"
#include "simd.h"

enum { CHUNK = 16384, LANES = 16 };

struct job {
    float *p, *m, *v;
    const float *g, *x;
    const void *o;
    void *out;
    double *partials;
    float factors[6];
    int32_t type;
    int64_t n, chunk, chunks;
};

static double squares(const float *x, int64_t n)
{
    double lanes[LANES] = {0}, sum = 0;
    int64_t i = 0;
    for (; i + LANES <= n; i += LANES)
        for (int lane = 0; lane < LANES; lane++) lanes[lane] += (double) x[i + lane] * x[i + lane];
    for (; i < n; i++) lanes[0] += (double) x[i] * x[i];
    for (int lane = 0; lane < LANES; lane++) sum += lanes[lane];
    return sum;
}

static void squares_chunk(const void *job, int64_t chunk, float *scratch)
{
    const struct job *j = job;
    int64_t start = chunk * j->chunk;
    j->partials[chunk] = squares(j->x + start, least(j->chunk, j->n - start));
}

int32_t K(sum_squares)(rondo_stream *s, const float *x, int64_t n, float *out)
{
    struct job job = {.x = x, .n = n, .partials = rondo_partials(s), .chunk = chunk_rows(n, CHUNK, RONDO_PARTIALS)};
    int64_t chunks = pieces(n, job.chunk);
    rondo_parallel(s, chunks, n, squares_chunk, &job);
    double sum = 0;
    for (int64_t i = 0; i < chunks; i++) sum += job.partials[i];
    out[0] = (float) sum;
    return RONDO_OK;
}

int32_t K(clip_factor)(rondo_stream *s, const float *sum_squares, float max_norm, float *out)
{
    float norm = sqrtf(sum_squares[0]);
    float factor = max_norm / (norm + 1e-6f);
    out[0] = norm;
    /* Written so that a norm that is not a number gives a factor that is not one. */
    out[1] = max_norm <= 0 || factor > 1 ? 1 : factor;
    return RONDO_OK;
}

static void adamw_chunk(const void *job, int64_t chunk, float *scratch)
{
    const struct job *j = job;
    int64_t start = chunk * CHUNK, n = least(CHUNK, j->n - start);
    float *restrict p = j->p + start, *restrict m = j->m + start, *restrict v = j->v + start;
    const float *restrict g = j->g + start;
    float beta1 = j->factors[0], beta2 = j->factors[1], keep = j->factors[2], clip = j->factors[3], rate = j->factors[4];
    float eps = j->factors[5], second = j->x[2];
    INDEPENDENT for (int64_t i = 0; i < n; i++) {
        float gradient = g[i] * clip;
        float mean = beta1 * m[i] + (1 - beta1) * gradient;
        float square = beta2 * v[i] + (1 - beta2) * gradient * gradient;
        m[i] = mean;
        v[i] = square;
        p[i] = p[i] * keep - rate * mean / (sqrtf(square / second) + eps);
    }
}

int32_t K(adamw)(rondo_stream *s, float *p, const float *g, float *m, float *v, const float *control, const float *clip, int64_t n,
    float beta1, float beta2, float eps, float weight_decay)
{
    struct job job = {.p = p, .m = m, .v = v, .g = g, .x = control, .n = n,
        .factors = {beta1, beta2, 1 - control[0] * weight_decay, clip[1], control[0] / control[1], eps}};
    rondo_parallel(s, pieces(n, CHUNK), n * 4, adamw_chunk, &job);
    return RONDO_OK;
}

static void momentum_chunk(const void *job, int64_t chunk, float *scratch)
{
    const struct job *j = job;
    int64_t start = chunk * CHUNK, n = least(CHUNK, j->n - start);
    float *restrict m = j->m + start, *restrict u = (float *) j->out + start;
    const float *restrict g = j->g + start;
    float clip = j->factors[0], momentum = j->factors[1];
    INDEPENDENT for (int64_t i = 0; i < n; i++) {
        float gradient = g[i] * clip;
        float mean = m[i] + (1 - momentum) * (gradient - m[i]);
        m[i] = mean;
        u[i] = gradient + momentum * (mean - gradient);
    }
}

int32_t K(muon_momentum)(rondo_stream *s, float *m, const float *g, const float *clip, int64_t n, float momentum, float *u)
{
    struct job job = {.m = m, .g = g, .out = u, .n = n, .factors = {clip[1], momentum}};
    rondo_parallel(s, pieces(n, CHUNK), n * 2, momentum_chunk, &job);
    return RONDO_OK;
}

static void norm_chunk(const void *job, int64_t chunk, float *scratch)
{
    const struct job *j = job;
    int64_t start = chunk % j->chunks * j->chunk;
    j->partials[chunk] = squares(j->x + chunk / j->chunks * j->n + start, least(j->chunk, j->n - start));
}

static void normalize_chunk(const void *job, int64_t chunk, float *scratch)
{
    const struct job *j = job;
    int64_t matrix = chunk / j->chunks, start = chunk % j->chunks * j->chunk, n = least(j->chunk, j->n - start);
    double sum = 0;
    for (int64_t i = 0; i < j->chunks; i++) sum += j->partials[matrix * j->chunks + i];
    float factor = (float) (1 / (sqrt(sum) + j->factors[0]));
    const float *x = j->x + matrix * j->n + start;
    if (j->type == RONDO_F32) {
        float *out = (float *) j->out + matrix * j->n + start;
        INDEPENDENT for (int64_t i = 0; i < n; i++) out[i] = factor * x[i];
    } else {
        uint16_t *out = (uint16_t *) j->out + matrix * j->n + start;
        INDEPENDENT for (int64_t i = 0; i < n; i++) out[i] = narrow_one(factor * x[i]);
    }
}

int32_t K(normalize_matrices)(rondo_stream *s, const float *x, int64_t batch, int64_t n, float eps, void *out, int32_t out_type)
{
    /* Matrices go in groups, because there are RONDO_PARTIALS partial sums; chunks depend on n alone. */
    int64_t chunk = chunk_rows(n, CHUNK, 256), chunks = pieces(n, chunk), group = RONDO_PARTIALS / chunks;
    for (int64_t first = 0; first < batch; first += group) {
        int64_t count = least(group, batch - first);
        struct job job = {.x = x + first * n, .n = n, .partials = rondo_partials(s), .chunk = chunk, .chunks = chunks,
            .out = (char *) out + first * n * (out_type == RONDO_F32 ? 4 : 2), .type = out_type, .factors = {eps}};
        rondo_parallel(s, count * chunks, count * n, norm_chunk, &job);
        rondo_parallel(s, count * chunks, count * n, normalize_chunk, &job);
    }
    return RONDO_OK;
}

static void apply_chunk(const void *job, int64_t chunk, float *scratch)
{
    const struct job *j = job;
    int64_t start = chunk * CHUNK, n = least(CHUNK, j->n - start);
    float *restrict p = j->p + start, keep = j->factors[0], rate = j->factors[1];
    if (j->type == RONDO_F32) {
        const float *restrict o = (const float *) j->o + start;
        for (int64_t i = 0; i < n; i++) p[i] = p[i] * keep - rate * o[i];
    } else {
        const uint16_t *restrict o = (const uint16_t *) j->o + start;
        for (int64_t i = 0; i < n; i++) p[i] = p[i] * keep - rate * widen_one(o[i]);
    }
}

int32_t K(muon_apply)(rondo_stream *s, float *p, const void *o, int32_t o_type, const float *control, int64_t n, float scale,
    float weight_decay)
{
    struct job job = {
        .p = p, .o = o, .type = o_type, .n = n, .factors = {1 - control[0] * weight_decay, control[0] * scale}};
    rondo_parallel(s, pieces(n, CHUNK), n, apply_chunk, &job);
    return RONDO_OK;
}
