/*
 * optimizers.c: sums of squares, gradient clipping, AdamW, ELLISAdam, and the elementwise parts of Muon.
 *
 * All bound by memory: AdamW moves 28 bytes a parameter, ELLISAdam 36 in two passes, Muon's momentum 16, its application 12 (10 with bf16), a sum of
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

struct ellis {
    float *p, *m, *v;
    const float *g;
    double *partials;
    int64_t n, chunk;
    float beta1, beta2, eps, clip, keep, rate, root, least_square;
    int begins, clipping, use_atan2;
};

/* First pass: the moments and, chunk by chunk, the sums of g'^2 / v. */
static void ellis_moments(const void *job, int64_t chunk, float *ratios)
{
    const struct ellis *j = job;
    int64_t end = least((chunk + 1) * j->chunk, j->n);
    float beta1 = j->beta1, beta2 = j->beta2, clip = j->clip, least_square = j->least_square;
    int begins = j->begins;
    double sum = 0;
    for (int64_t start = chunk * j->chunk; start < end; start += CHUNK) {
        int64_t n = least(CHUNK, end - start);
        float *restrict m = j->m + start, *restrict v = j->v + start, *restrict ratio = ratios;
        const float *restrict g = j->g + start;
        INDEPENDENT for (int64_t i = 0; i < n; i++) {
            float gradient = g[i] * clip, mean = begins ? gradient : m[i], square = begins ? gradient * gradient : v[i];
            mean += (1 - beta1) * (gradient - mean);
            square = beta2 * square + (1 - beta2) * gradient * gradient;
            square = square < least_square ? least_square : square;
            m[i] = mean;
            v[i] = square;
            ratio[i] = gradient / sqrtf(square);
        }
        if (j->clipping) sum += squares(ratios, n);
    }
    j->partials[chunk] = sum;
}

/*
 * atan2(y, x) for x >= 0, which a compiler makes vectors of: the smaller over the larger of |y| and x, shifted by pi/4 above tan(pi/8),
 * and (atan(t)/t - 1)/t^2 by the polynomial through its values at four Chebyshev nodes up to there, exact to 8e-8 of atan(t).
 */
INLINE float arc_tangent(float y, float x)
{
    float size = fabsf(y), low = size < x ? size : x, high = size < x ? x : size;
    float t = high == 0 ? 0 : low / high, shift = t > 0.41421356f ? 0.78539816f : 0;
    t = t > 0.41421356f ? (t - 1) / (t + 1) : t;
    float z = t * t;
    float angle = shift + (t + t * z * (((0.0852049217f * z - 0.140241429f) * z + 0.199912384f) * z - 0.333332866f));
    return copysignf(size < x ? angle : 1.57079633f - angle, y) * (high == 0 ? 0 : 1);
}

static void ellis_update(const void *job, int64_t chunk, float *scratch)
{
    const struct ellis *j = job;
    int64_t start = chunk * CHUNK, n = least(CHUNK, j->n - start);
    float *restrict p = j->p + start, keep = j->keep, rate = j->rate, root = j->root, eps = j->eps;
    const float *restrict m = j->m + start, *restrict v = j->v + start;
    if (j->use_atan2) {
        INDEPENDENT for (int64_t i = 0; i < n; i++) p[i] = p[i] * keep - rate * arc_tangent(m[i], sqrtf(v[i]) / root);
    } else {
        INDEPENDENT for (int64_t i = 0; i < n; i++) p[i] = p[i] * keep - rate * m[i] / (sqrtf(v[i]) / root + eps);
    }
}

int32_t K(ellis_adam)(rondo_stream *s, float *p, const float *g, float *m, float *v, const float *control, const float *clip, int64_t n,
    float beta1, float beta2, float eps, float weight_decay, int32_t update_clipping, int32_t use_atan2)
{
    struct ellis job = {.p = p, .m = m, .v = v, .g = g, .partials = rondo_partials(s), .n = n,
        .chunk = chunk_rows(n, CHUNK, RONDO_PARTIALS), .beta1 = beta1, .beta2 = beta2, .eps = eps, .clip = clip[1],
        .keep = 1 - control[3] * weight_decay, .root = sqrtf(control[2]), .least_square = update_clipping ? eps * eps : 0,
        .begins = control[4] != 0, .clipping = update_clipping, .use_atan2 = use_atan2};
    int64_t chunks = pieces(n, job.chunk);
    rondo_parallel(s, chunks, n * 4, ellis_moments, &job);
    double sum = 0;
    for (int64_t i = 0; i < chunks; i++) sum += job.partials[i];
    float rho = (float) sqrt(sum / n);
    job.rate = control[0] / (rho > 1 ? rho : 1) / control[1];
    rondo_parallel(s, pieces(n, CHUNK), n * 4, ellis_update, &job);
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
