/*
 * qk.c: bias and RMSNorm of the query and key parts of qkv [rows, (heads + 2*kv_heads) * head_dim], with gradients.
 *
 * Bound by memory: 8 bytes an element forward (values are copied only when not in place), 12 backward. Parameter gradients are
 * summed over chunks of rows (norm.h), which limits (heads + kv_heads) * head_dim to RONDO_SHARED_SCRATCH.
 */
#include <string.h>

#include "norm.h"

struct job {
    const float *x, *q_gain, *k_gain, *rstd_in, *dy;
    float *out, *rstd, *partials;
    float eps;
    int64_t rows, q, k, width, chunk;
};

#define CHECK_SHAPE(op) \
    do { \
        NEED(op, s); \
        EXTENT(op, rows, 0); \
        EXTENT(op, heads, 1); \
        EXTENT(op, kv_heads, 1); \
        EXTENT(op, head_dim, 1); \
    } while (0)

#define CHECK_SUMS(op) \
    do { \
        LIMIT((heads + kv_heads) * head_dim <= RONDO_SHARED_SCRATCH, \
            "rondo_" #op ": queries and keys are %lld wide, expected at most %d", (long long) ((heads + kv_heads) * head_dim), \
            RONDO_SHARED_SCRATCH); \
    } while (0)

/* values of row r, unless in place. */
static void copy_values(const struct job *j, const float *from, int64_t r)
{
    int64_t start = r * j->width + j->q + j->k;
    if (from != j->out) memcpy(j->out + start, from + start, j->k * sizeof(float));
}

static void bias_rows(const void *job, int64_t chunk, float *scratch)
{
    const struct job *j = job;
    (void) scratch;
    int64_t n = j->q + j->k, end = least((chunk + 1) * j->chunk, j->rows);
    for (int64_t r = chunk * j->chunk; r < end; r++) {
        const float *x = j->x + r * j->width, *bias = j->q_gain;
        float *out = j->out + r * j->width;
        INDEPENDENT for (int64_t i = 0; i < n; i++) out[i] = x[i] + bias[i];
        copy_values(j, j->x, r);
    }
}

int32_t K(qk_bias)(rondo_stream *s, const float *qkv, const float *bias, int64_t rows, int64_t heads, int64_t kv_heads,
    int64_t head_dim, float *out)
{
    CHECK_SHAPE(qk_bias);
    if (rows == 0) return RONDO_OK;
    NEED(qk_bias, qkv);
    NEED(qk_bias, bias);
    NEED(qk_bias, out);
    int64_t width = (heads + 2 * kv_heads) * head_dim;
    struct job job = {.x = qkv, .q_gain = bias, .out = out, .rows = rows, .q = heads * head_dim, .k = kv_heads * head_dim,
        .width = width, .chunk = pieces(8192, width)};
    rondo_parallel(s, pieces(rows, job.chunk), rows * width, bias_rows, &job);
    return RONDO_OK;
}

static void sum_rows(const void *job, int64_t chunk, float *scratch)
{
    const struct job *j = job;
    (void) scratch;
    int64_t n = j->q + j->k, end = least((chunk + 1) * j->chunk, j->rows);
    float *restrict partial = j->partials + chunk * n;
    memset(partial, 0, n * sizeof(float));
    for (int64_t r = chunk * j->chunk; r < end; r++) {
        const float *restrict dy = j->dy + r * j->width;
        for (int64_t i = 0; i < n; i++) partial[i] += dy[i];
    }
}

int32_t K(qk_bias_grad)(rondo_stream *s, const float *dout, int64_t rows, int64_t heads, int64_t kv_heads, int64_t head_dim,
    int32_t accumulate, float *dbias)
{
    CHECK_SHAPE(qk_bias_grad);
    CHECK_SUMS(qk_bias_grad);
    NEED(qk_bias_grad, dbias);
    if (rows > 0) NEED(qk_bias_grad, dout);
    int64_t n = (heads + kv_heads) * head_dim;
    struct job job = {.dy = dout, .partials = rondo_shared_scratch(s), .rows = rows, .q = heads * head_dim,
        .k = kv_heads * head_dim, .width = (heads + 2 * kv_heads) * head_dim, .chunk = sum_chunk_rows(rows, n)};
    int64_t chunks = pieces(rows, job.chunk);
    rondo_parallel(s, chunks, rows * n, sum_rows, &job);
    K(combine_columns)(s, job.partials, chunks, n, n, accumulate, dbias);
    return RONDO_OK;
}

static void norm_rows(const void *job, int64_t chunk, float *scratch)
{
    const struct job *j = job;
    (void) scratch;
    int64_t end = least((chunk + 1) * j->chunk, j->rows);
    for (int64_t r = chunk * j->chunk; r < end; r++) {
        const float *q = j->x + r * j->width, *k = q + j->q;
        float *out = j->out + r * j->width;
        float q_rstd = 1 / sqrtf(row_squares(q, j->q) / (float) j->q + j->eps);
        float k_rstd = 1 / sqrtf(row_squares(k, j->k) / (float) j->k + j->eps);
        if (j->rstd) {
            j->rstd[2 * r] = q_rstd;
            j->rstd[2 * r + 1] = k_rstd;
        }
        row_scale(q, j->q_gain, q_rstd, j->q, out);
        row_scale(k, j->k_gain, k_rstd, j->k, out + j->q);
        copy_values(j, j->x, r);
    }
}

int32_t K(qk_norm)(rondo_stream *s, const float *qkv, const float *q_gain, const float *k_gain, float eps, int64_t rows,
    int64_t heads, int64_t kv_heads, int64_t head_dim, float *out, float *rstd)
{
    CHECK_SHAPE(qk_norm);
    if (rows == 0) return RONDO_OK;
    NEED(qk_norm, qkv);
    NEED(qk_norm, q_gain);
    NEED(qk_norm, k_gain);
    NEED(qk_norm, out);
    int64_t width = (heads + 2 * kv_heads) * head_dim;
    struct job job = {.x = qkv, .q_gain = q_gain, .k_gain = k_gain, .eps = eps, .out = out, .rstd = rstd, .rows = rows,
        .q = heads * head_dim, .k = kv_heads * head_dim, .width = width, .chunk = pieces(8192, width)};
    rondo_parallel(s, pieces(rows, job.chunk), rows * width * 2, norm_rows, &job);
    return RONDO_OK;
}

static void norm_grad_rows(const void *job, int64_t chunk, float *scratch)
{
    const struct job *j = job;
    (void) scratch;
    int64_t n = j->q + j->k, end = least((chunk + 1) * j->chunk, j->rows);
    float *partial = j->partials ? j->partials + chunk * n : 0;
    if (partial) memset(partial, 0, n * sizeof(float));
    for (int64_t r = chunk * j->chunk; r < end; r++) {
        const float *q = j->x + r * j->width, *dq = j->dy + r * j->width;
        float *out = j->out + r * j->width;
        row_grad(q, j->q_gain, j->rstd_in[2 * r], dq, 0, j->q, partial, out);
        row_grad(q + j->q, j->k_gain, j->rstd_in[2 * r + 1], dq + j->q, 0, j->k, partial ? partial + j->q : 0, out + j->q);
        copy_values(j, j->dy, r);
    }
}

int32_t K(qk_norm_grad)(rondo_stream *s, const float *qkv, const float *q_gain, const float *k_gain, const float *rstd,
    const float *dout, int64_t rows, int64_t heads, int64_t kv_heads, int64_t head_dim, float *dqkv, int32_t accumulate_gains,
    float *dq_gain, float *dk_gain)
{
    CHECK_SHAPE(qk_norm_grad);
    REQUIRE((dq_gain == 0) == (dk_gain == 0), "rondo_qk_norm_grad: one of dq_gain and dk_gain is null, expected both or neither");
    if (dq_gain) CHECK_SUMS(qk_norm_grad);
    if (rows > 0) {
        NEED(qk_norm_grad, qkv);
        NEED(qk_norm_grad, q_gain);
        NEED(qk_norm_grad, k_gain);
        NEED(qk_norm_grad, rstd);
        NEED(qk_norm_grad, dout);
        NEED(qk_norm_grad, dqkv);
    }
    int64_t width = (heads + 2 * kv_heads) * head_dim, n = (heads + kv_heads) * head_dim;
    struct job job = {.x = qkv, .q_gain = q_gain, .k_gain = k_gain, .rstd_in = rstd, .dy = dout, .out = dqkv,
        .partials = dq_gain ? rondo_shared_scratch(s) : 0, .rows = rows, .q = heads * head_dim, .k = kv_heads * head_dim,
        .width = width, .chunk = dq_gain ? sum_chunk_rows(rows, n) : pieces(8192, width)};
    int64_t chunks = pieces(rows, job.chunk);
    rondo_parallel(s, chunks, rows * width * 4, norm_grad_rows, &job);
    if (dq_gain) {
        K(combine_columns)(s, job.partials, chunks, n, job.q, accumulate_gains, dq_gain);
        K(combine_columns)(s, job.partials + job.q, chunks, n, job.k, accumulate_gains, dk_gain);
    }
    return RONDO_OK;
}
