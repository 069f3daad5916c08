/*
 * rotary.c: out = rotate(norm(qkv + bias)): the pairs of every query and key head turn by the angle of the row's position.
 *
 * (a, b) -> (a cos - b sin, a sin + b cos), with -sin when inverse. A row first spreads its cosines and sines into two plain arrays
 * in scratch, which all heads then share. A head with a bias or a gain passes through a third. Moves 8 bytes an element of queries
 * and keys.
 */
#include <string.h>

#include "norm.h"

struct job {
    const float *qkv, *bias, *q_gain, *k_gain, *table;
    const int32_t *positions;
    float *out, *rstd;
    float eps;
    int64_t rows, heads, kv_heads, head_dim, width, chunk;
    int interleaved, inverse;
};

static void rotate_head(const float *x, const float *cosine, const float *sine, int64_t half, int interleaved, float *out)
{
    if (interleaved) {
        INDEPENDENT for (int64_t i = 0; i < half; i++) {
            float a = x[2 * i], b = x[2 * i + 1];
            out[2 * i] = a * cosine[i] - b * sine[i];
            out[2 * i + 1] = a * sine[i] + b * cosine[i];
        }
    } else {
        INDEPENDENT for (int64_t i = 0; i < half; i++) {
            float a = x[i], b = x[i + half];
            out[i] = a * cosine[i] - b * sine[i];
            out[i + half] = a * sine[i] + b * cosine[i];
        }
    }
}

static float reciprocal_deviation(const float *x, int64_t n, float eps) { return 1 / sqrtf(row_squares(x, n) / (float) n + eps); }

static void rotate_rows(const void *job, int64_t chunk, float *scratch)
{
    const struct job *j = job;
    int64_t n = j->head_dim, half = n / 2, end = least((chunk + 1) * j->chunk, j->rows), turned = j->heads + j->kv_heads;
    float *cosine = scratch, *sine = scratch + half, *ready = scratch + n;
    float sign = j->inverse ? -1 : 1;
    for (int64_t r = chunk * j->chunk; r < end; r++) {
        const float *angles = j->table + j->positions[r] * n, *from = j->qkv + r * j->width;
        float *to = j->out + r * j->width, rstd[2] = {0};
        for (int64_t i = 0; i < half; i++) {
            cosine[i] = angles[2 * i];
            sine[i] = sign * angles[2 * i + 1];
        }
        if (j->q_gain) {
            rstd[0] = reciprocal_deviation(from, j->heads * n, j->eps);
            rstd[1] = reciprocal_deviation(from + j->heads * n, j->kv_heads * n, j->eps);
            if (j->rstd) memcpy(j->rstd + 2 * r, rstd, sizeof(rstd));
        }
        for (int64_t h = 0; h < turned; h++) {
            const float *x = from + h * n;
            if (j->bias) {
                const float *bias = j->bias + h * n;
                INDEPENDENT for (int64_t i = 0; i < n; i++) ready[i] = x[i] + bias[i];
                x = ready;
            } else if (j->q_gain) {
                const float *gain = h < j->heads ? j->q_gain + h * n : j->k_gain + (h - j->heads) * n;
                row_scale(x, gain, rstd[h >= j->heads], n, ready);
                x = ready;
            }
            rotate_head(x, cosine, sine, half, j->interleaved, to + h * n);
        }
        if (to != from) memcpy(to + turned * n, from + turned * n, j->kv_heads * n * sizeof(float));
    }
}

int32_t K(rotary)(rondo_stream *s, int32_t type, const void *qkv, const float *bias, const float *q_gain, const float *k_gain,
    float eps, const int32_t *positions, const float *table, int64_t table_rows, int64_t rows, int64_t heads, int64_t kv_heads,
    int64_t head_dim, int32_t interleaved, int32_t inverse, void *out, float *rstd)
{
    for (int64_t r = 0; r < rows; r++)
        REQUIRE(positions[r] >= 0 && positions[r] < table_rows, "rondo_rotary: positions[%lld] is %d, expected 0 to %lld",
            (long long) r, positions[r], (long long) table_rows - 1);
    int64_t width = (heads + 2 * kv_heads) * head_dim;
    struct job job = {qkv, bias, q_gain, k_gain, table, positions, out, rstd, eps, rows, heads, kv_heads, head_dim, width,
        pieces(8192, width), interleaved, inverse};
    rondo_parallel(s, pieces(rows, job.chunk), rows * width * 2, rotate_rows, &job);
    return RONDO_OK;
}
