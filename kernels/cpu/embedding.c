/*
 * embedding.c: rows of a table by token, and the gradient of the table.
 *
 * Forward: y[r] = scale * table[tokens[r]], bound by memory. Gradient: dtable[tokens[r]] += scale * dy[r]; the vocabulary is
 * dealt to PARTS chunks (token mod PARTS), each of which walks over all tokens in order and adds only its own rows, so every
 * table row is summed in row order by one thread.
 */
#include <string.h>

#include "kernels.h"
#include "simd.h"

enum { PARTS = 16 };

struct job {
    const void *table;
    const int32_t *tokens;
    const float *dy;
    float *out;
    float scale;
    int32_t type;
    int64_t rows, width, chunk;
};

static void gather_rows(const void *job, int64_t chunk, float *scratch)
{
    const struct job *j = job;
    int64_t width = j->width, end = least((chunk + 1) * j->chunk, j->rows);
    float scale = j->scale;
    for (int64_t r = chunk * j->chunk; r < end; r++) {
        float *restrict y = j->out + r * width;
        if (j->type == RONDO_F32) {
            const float *restrict row = (const float *) j->table + j->tokens[r] * width;
            for (int64_t i = 0; i < width; i++) y[i] = scale * row[i];
        } else {
            const uint16_t *restrict row = (const uint16_t *) j->table + j->tokens[r] * width;
            for (int64_t i = 0; i < width; i++) y[i] = scale * widen_one(row[i]);
        }
    }
}

static void scatter_rows(const void *job, int64_t part, float *scratch)
{
    const struct job *j = job;
    float scale = j->scale;
    for (int64_t r = 0; r < j->rows; r++) {
        if (j->tokens[r] % PARTS != part) continue;
        const float *restrict dy = j->dy + r * j->width;
        float *restrict row = j->out + j->tokens[r] * j->width;
        for (int64_t i = 0; i < j->width; i++) row[i] += scale * dy[i];
    }
}

static int32_t check_tokens(const char *op, const int32_t *tokens, int64_t rows, int64_t vocab)
{
    for (int64_t r = 0; r < rows; r++)
        REQUIRE(tokens[r] >= 0 && tokens[r] < vocab, "%s: tokens[%lld] is %d, expected 0 to %lld", op, (long long) r, tokens[r],
            (long long) vocab - 1);
    return RONDO_OK;
}

int32_t K(embedding)(rondo_stream *s, int32_t type, const void *table, int32_t table_type, const int32_t *tokens, int64_t rows,
    int64_t width, int64_t vocab, float scale, void *y)
{
    int32_t code = check_tokens("rondo_embedding", tokens, rows, vocab);
    if (code != RONDO_OK) return code;
    struct job job = {table, tokens, 0, y, scale, table_type, rows, width, pieces(8192, width)};
    rondo_parallel(s, pieces(rows, job.chunk), rows * width * 2, gather_rows, &job);
    return RONDO_OK;
}

int32_t K(embedding_grad)(rondo_stream *s, int32_t type, const int32_t *tokens, const void *dy, int64_t rows, int64_t width,
    int64_t vocab, float scale, int32_t accumulate, float *dtable)
{
    if (rows > 0) {
        int32_t code = check_tokens("rondo_embedding_grad", tokens, rows, vocab);
        if (code != RONDO_OK) return code;
    }
    if (!accumulate) rondo_zero(s, dtable, vocab * width * (int64_t) sizeof(float));
    struct job job = {0, tokens, dy, dtable, scale, RONDO_F32, rows, width, 0};
    rondo_parallel(s, PARTS, rows * width * 2, scatter_rows, &job);
    return RONDO_OK;
}
