/*
 * quantized.c: weights of 8 bits: rows quantised to int8 or e4m3 with one scale each, and the linear layer over them.
 *
 * Bound by memory: 1 byte a weight. A block of ROWS weight rows is widened to floats in scratch, DEPTH at a time, and serves all
 * rows of x.
 */
#include "kernels.h"
#include "simd.h"

enum { ROWS = 16 };

struct job {
    const float *x, *w, *scale;
    const void *q;
    void *to;
    float *y;
    int64_t rows, n, k;
    int32_t type;
};

/* e4m3: 4 bits of exponent with bias 7, 3 of mantissa, no infinities, largest 448. */
static float widen_e4m3(uint8_t h)
{
    int exponent = h >> 3 & 15, mantissa = h & 7;
    float x = exponent ? ldexpf((float) (8 + mantissa), exponent - 10) : ldexpf((float) mantissa, -9);
    return h & 128 ? -x : x;
}

/* Of magnitude at most 448. Steps of 2^-9 below 2^-6, of an eighth of a power of two above. */
static uint8_t narrow_e4m3(float x)
{
    int exponent;
    float size = fabsf(x);
    frexpf(size, &exponent);
    int power = (int) most(exponent - 1, -6), steps = (int) rintf(ldexpf(size, 3 - power));
    if (steps == 16) steps = 8, power++;
    int bits = steps < 8 ? steps : (power + 7) << 3 | (steps - 8);
    return (uint8_t) (bits | (signbit(x) ? 128 : 0));
}

static void quantize_row(const void *job, int64_t row, float *scratch)
{
    const struct job *j = job;
    const float *w = j->w + row * j->k;
    float top = 0;
    for (int64_t i = 0; i < j->k; i++) top = fabsf(w[i]) > top ? fabsf(w[i]) : top;
    float scale = top / (j->type == RONDO_I8 ? 127.0f : 448.0f);
    j->y[row] = scale;
    for (int64_t i = 0; i < j->k; i++) {
        float x = scale > 0 ? w[i] / scale : 0;
        if (j->type == RONDO_I8) ((int8_t *) j->to)[row * j->k + i] = (int8_t) rintf(x);
        else ((uint8_t *) j->to)[row * j->k + i] = narrow_e4m3(fminf(fmaxf(x, -448), 448));
    }
}

int32_t K(quantize_rows)(rondo_stream *s, const float *w, int64_t rows, int64_t width, void *q, int32_t q_type, float *scale)
{
    struct job job = {.w = w, .to = q, .y = scale, .k = width, .type = q_type};
    rondo_parallel(s, rows, rows * width * 4, quantize_row, &job);
    return RONDO_OK;
}

static void linear_rows(const void *job, int64_t chunk, float *scratch)
{
    const struct job *j = job;
    enum { DEPTH = RONDO_THREAD_SCRATCH };
    int64_t k = j->k, end = least((chunk + 1) * ROWS, j->n);
    float values[256];
    if (j->type == RONDO_E4M3)
        for (int i = 0; i < 256; i++) values[i] = widen_e4m3((uint8_t) i);
    for (int64_t i = chunk * ROWS; i < end; i++)
        for (int64_t p0 = 0; p0 < k; p0 += DEPTH) {
            int64_t depth = least(DEPTH, k - p0);
            if (j->type == RONDO_I8) {
                const int8_t *q = (const int8_t *) j->q + i * k + p0;
                for (int64_t p = 0; p < depth; p++) scratch[p] = (float) q[p];
            } else {
                const uint8_t *q = (const uint8_t *) j->q + i * k + p0;
                for (int64_t p = 0; p < depth; p++) scratch[p] = values[q[p]];
            }
            for (int64_t r = 0; r < j->rows; r++) {
                const float *x = j->x + r * k + p0;
                vf sum = {0};
                int64_t p = 0;
                for (; p + VW <= depth; p += VW) sum += load(x + p) * load(scratch + p);
                float total = lane_sum(sum);
                for (; p < depth; p++) total += x[p] * scratch[p];
                float *y = j->y + r * j->n + i;
                *y = (p0 ? *y : 0) + j->scale[i] * total;
            }
        }
}

int32_t K(quantized_linear)(rondo_stream *s, int32_t type, const void *x, int64_t rows, const void *q, int32_t q_type,
    const float *scale, int64_t n, int64_t k, void *y)
{
    struct job job = {.x = x, .q = q, .scale = scale, .y = y, .rows = rows, .n = n, .k = k, .type = q_type};
    rondo_parallel(s, pieces(n, ROWS), n * k * (rows + 1), linear_rows, &job);
    return RONDO_OK;
}
