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

/* values of row r, unless in place. */
static void copy_values(const struct job *j, const float *from, int64_t r)
{
    int64_t start = r * j->width + j->q + j->k;
    if (from != j->out) memcpy(j->out + start, from + start, j->k * sizeof(float));
}

static void sum_rows(const void *job, int64_t chunk, float *scratch)
{
    const struct job *j = job;
    int64_t n = j->q + j->k, end = least((chunk + 1) * j->chunk, j->rows);
    float *restrict partial = j->partials + chunk * n;
    memset(partial, 0, n * sizeof(float));
    for (int64_t r = chunk * j->chunk; r < end; r++) {
        const float *restrict dy = j->dy + r * j->width;
        for (int64_t i = 0; i < n; i++) partial[i] += dy[i];
    }
}

int32_t K(qk_bias_grad)(rondo_stream *s, int32_t type, const void *d, int64_t rows, int64_t heads, int64_t kv_heads, int64_t head_dim,
    int32_t accumulate, float *dbias)
{
    int64_t n = (heads + kv_heads) * head_dim;
    struct job job = {.dy = d, .partials = rondo_shared_scratch(s), .rows = rows, .q = heads * head_dim,
        .k = kv_heads * head_dim, .width = (heads + 2 * kv_heads) * head_dim, .chunk = sum_chunk_rows(rows, n)};
    int64_t chunks = pieces(rows, job.chunk);
    rondo_parallel(s, chunks, rows * n, sum_rows, &job);
    K(combine_columns)(s, job.partials, chunks, n, n, accumulate, dbias);
    return RONDO_OK;
}

static void norm_grad_rows(const void *job, int64_t chunk, float *scratch)
{
    const struct job *j = job;
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

int32_t K(qk_norm_grad)(rondo_stream *s, int32_t type, const void *qkv, const float *q_gain, const float *k_gain,
    const float *rstd, const void *d, int64_t rows, int64_t heads, int64_t kv_heads, int64_t head_dim, void *dqkv,
    int32_t accumulate_gains, float *dq_gain, float *dk_gain)
{
    int64_t width = (heads + 2 * kv_heads) * head_dim, n = (heads + kv_heads) * head_dim;
    struct job job = {.x = qkv, .q_gain = q_gain, .k_gain = k_gain, .rstd_in = rstd, .dy = d, .out = dqkv,
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
