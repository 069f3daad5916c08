/*
 * rms_norm.c: sum = x + residual, rstd = 1/sqrt(mean(sum^2) + eps), y = sum*rstd*gain, and the gradient.
 *
 * A row stays in the nearest cache between its two passes, so forward moves 8 bytes an element (16 with residual and sum),
 * backward 12 to 16. The gain's gradient is summed over chunks of rows (norm.h); width at most RONDO_SHARED_SCRATCH then.
 */
#include <string.h>

#include "norm.h"

struct job {
    const float *x, *other, *gain, *rstd_in, *dy;
    float *sum, *y, *rstd, *partials;
    float eps;
    int64_t rows, width, chunk;
};

static void forward_rows(const void *job, int64_t chunk, float *scratch)
{
    const struct job *j = job;
    int64_t width = j->width, end = least((chunk + 1) * j->chunk, j->rows);
    for (int64_t r = chunk * j->chunk; r < end; r++) {
        const float *x = j->x + r * width;
        float *y = j->y + r * width;
        if (j->other) {
            const float *residual = j->other + r * width;
            /* Without a sum wanted, y holds it between the passes. */
            float *sum = j->sum ? j->sum + r * width : y;
            INDEPENDENT for (int64_t i = 0; i < width; i++) sum[i] = x[i] + residual[i];
            x = sum;
        } else if (j->sum && j->sum != j->x) {
            memcpy(j->sum + r * width, x, width * sizeof(float));
        }
        float rstd = 1 / sqrtf(row_squares(x, width) / (float) width + j->eps);
        if (j->rstd) j->rstd[r] = rstd;
        row_scale(x, j->gain, rstd, width, y);
    }
}

int32_t K(rms_norm)(rondo_stream *s, int32_t type, const void *x, const void *residual, const float *gain, float eps,
    int64_t rows, int64_t width, void *sum, void *y, float *rstd)
{
    struct job job = {.x = x, .other = residual, .gain = gain, .eps = eps, .sum = sum, .y = y, .rstd = rstd, .rows = rows,
        .width = width, .chunk = pieces(8192, width)};
    rondo_parallel(s, pieces(rows, job.chunk), rows * width * 2, forward_rows, &job);
    return RONDO_OK;
}

static void backward_rows(const void *job, int64_t chunk, float *scratch)
{
    const struct job *j = job;
    int64_t width = j->width, end = least((chunk + 1) * j->chunk, j->rows);
    float *dgain = j->partials ? j->partials + chunk * width : 0;
    if (dgain) memset(dgain, 0, width * sizeof(float));
    for (int64_t r = chunk * j->chunk; r < end; r++)
        row_grad(j->x + r * width, j->gain, j->rstd_in[r], j->dy + r * width, j->other ? j->other + r * width : 0, width, dgain,
            j->y + r * width);
}

int32_t K(rms_norm_grad)(rondo_stream *s, int32_t type, const void *x, const float *gain, const float *rstd,
    const void *dy, const void *carry, int64_t rows, int64_t width, void *dx, int32_t accumulate_dgain, float *dgain)
{
    float *partials = dgain ? rondo_shared_scratch(s) : 0;
    struct job job = {.x = x, .other = carry, .gain = gain, .rstd_in = rstd, .dy = dy, .y = dx, .partials = partials, .rows = rows,
        .width = width, .chunk = dgain ? sum_chunk_rows(rows, width) : pieces(8192, width)};
    int64_t chunks = pieces(rows, job.chunk);
    rondo_parallel(s, chunks, rows * width * 4, backward_rows, &job);
    if (dgain) K(combine_columns)(s, partials, chunks, width, width, accumulate_dgain, dgain);
    return RONDO_OK;
}

struct combine {
    const float *partials;
    float *out;
    int64_t chunks, ld, width;
    int accumulate;
};

static void combine_chunk(const void *job, int64_t chunk, float *scratch)
{
    const struct combine *j = job;
    int64_t start = chunk * SUM_COLUMNS, n = least(SUM_COLUMNS, j->width - start);
    float sum[SUM_COLUMNS] = {0};
    for (int64_t c = 0; c < j->chunks; c++) {
        const float *partial = j->partials + c * j->ld + start;
        for (int64_t i = 0; i < n; i++) sum[i] += partial[i];
    }
    float *out = j->out + start;
    for (int64_t i = 0; i < n; i++) out[i] = j->accumulate ? out[i] + sum[i] : sum[i];
}

void K(combine_columns)(rondo_stream *s, const float *partials, int64_t chunks, int64_t ld, int64_t width, int accumulate, float *out)
{
    struct combine job = {partials, out, chunks, ld, width, accumulate};
    rondo_parallel(s, pieces(width, SUM_COLUMNS), chunks * width, combine_chunk, &job);
}
