/*
 * rotary.c: rotates the pairs of every query and key head by the angle of the row's position.
 *
 * (a, b) -> (a cos - b sin, a sin + b cos), with -sin when inverse. A row first spreads its cosines and sines into two plain
 * arrays in scratch, which all heads then share. Moves 8 bytes an element of queries and keys. head_dim is even and at most
 * MOST_DIM.
 */
#include <string.h>

#include "kernels.h"
#include "simd.h"

enum { MOST_DIM = 65536 };

struct job {
    const float *qkv, *table;
    const int32_t *positions;
    float *out;
    int64_t rows, heads, kv_heads, head_dim, width, chunk;
    int interleaved, inverse;
};

static void rotate_rows(const void *job, int64_t chunk, float *scratch)
{
    const struct job *j = job;
    int64_t half = j->head_dim / 2, end = least((chunk + 1) * j->chunk, j->rows), turned = j->heads + j->kv_heads;
    float *cosine = scratch, *sine = scratch + half;
    float sign = j->inverse ? -1 : 1;
    for (int64_t r = chunk * j->chunk; r < end; r++) {
        const float *angles = j->table + j->positions[r] * j->head_dim;
        for (int64_t i = 0; i < half; i++) {
            cosine[i] = angles[2 * i];
            sine[i] = sign * angles[2 * i + 1];
        }
        for (int64_t h = 0; h < turned; h++) {
            const float *x = j->qkv + r * j->width + h * j->head_dim;
            float *out = j->out + r * j->width + h * j->head_dim;
            if (j->interleaved) {
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
        int64_t values = r * j->width + turned * j->head_dim;
        if (j->out != j->qkv) memcpy(j->out + values, j->qkv + values, j->kv_heads * j->head_dim * sizeof(float));
    }
}

int32_t K(rotary)(rondo_stream *s, const float *qkv, const int32_t *positions, const float *table, int64_t table_rows, int64_t rows,
    int64_t heads, int64_t kv_heads, int64_t head_dim, int32_t interleaved, int32_t inverse, float *out)
{
    NEED(rotary, s);
    EXTENT(rotary, rows, 0);
    EXTENT(rotary, heads, 1);
    EXTENT(rotary, kv_heads, 1);
    EXTENT(rotary, head_dim, 2);
    REQUIRE(head_dim % 2 == 0, "rondo_rotary: head_dim is %lld, expected an even number", (long long) head_dim);
    LIMIT(head_dim <= MOST_DIM, "rondo_rotary: head_dim is %lld, expected at most %d", (long long) head_dim, MOST_DIM);
    if (rows == 0) return RONDO_OK;
    NEED(rotary, qkv);
    NEED(rotary, positions);
    NEED(rotary, table);
    NEED(rotary, out);
    for (int64_t r = 0; r < rows; r++)
        REQUIRE(positions[r] >= 0 && positions[r] < table_rows, "rondo_rotary: positions[%lld] is %d, expected 0 to %lld",
            (long long) r, positions[r], (long long) table_rows - 1);
    int64_t width = (heads + 2 * kv_heads) * head_dim;
    struct job job = {qkv, table, positions, out, rows, heads, kv_heads, head_dim, width, pieces(8192, width), interleaved, inverse};
    rondo_parallel(s, pieces(rows, job.chunk), rows * width * 2, rotate_rows, &job);
    return RONDO_OK;
}
