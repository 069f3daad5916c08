/*
 * quantized.c: weights of 8 bits, int8 or e4m3, with one f32 scale a row, and their product with rows of f32.
 *
 * scale = greatest magnitude / 127 or / 448; q = w / scale rounded once, to even: the division is in double because a quotient of
 * two floats that is no tie is then none after it either. A row with an infinity or a value that is no number has a scale that is
 * none, so that it shows in every product. The product widens DEPTH weights at a time into the worker's scratch, once for GROUP
 * rows of x.
 */
#include "kernels.h"
#include "simd.h"

enum { DEPTH = 4096, GROUP = 16, CHUNK_ELEMENTS = 65536, ROWS = 8 };

_Static_assert((int) DEPTH <= (int) RONDO_THREAD_SCRATCH, "widened weights fit");

struct quantize {
    const float *w;
    int64_t rows, width;
    void *q;
    int32_t q_type;
    float *scale;
};

static int8_t to_int8(double v) { return (int8_t) fmin(fmax(rint(v), -127), 127); }

/* Steps of 2^-9 below 2^-6, else of an eighth of the power of two below; what rounds up to the next power carries into its code. */
static uint8_t to_e4m3(double v)
{
    union { double value; uint64_t bits; } size = {fabs(v)}, steps;
    int exponent = (int) most(-6, (int64_t) (size.bits >> 52) - 1023);
    steps.bits = (uint64_t) (1023 + 3 - exponent) << 52;
    int code = size.value >= 448 ? 0x7e : (exponent + 6) * 8 + (int) rint(size.value * steps.value);
    return (uint8_t) ((v < 0 ? 0x80 : 0) | code);
}

/* Sign, 4 bits of exponent with bias 7 and 3 of fraction are those of a float once its exponent is raised by 120; subnormals too. */
INLINE float from_e4m3(uint8_t code)
{
    union { uint32_t bits; float value; } u = {(uint32_t) (code & 0x80) << 24 | (uint32_t) (code & 0x7f) << 20};
    return u.value * 0x1p120f;
}

static void quantize_chunk(const void *job, int64_t chunk, float *scratch)
{
    const struct quantize *z = job;

    for (int64_t r = chunk * ROWS; r < least(z->rows, (chunk + 1) * ROWS); r++) {
        const float *w = z->w + r * z->width;
        float top = 0;
        int wrong = 0;
        for (int64_t i = 0; i < z->width; i++) {
            float size = fabsf(w[i]);
            top = size > top ? size : top;
            wrong |= !(size < INFINITY);
        }
        float scale = wrong ? NAN : top / (z->q_type == RONDO_I8 ? 127 : 448);
        z->scale[r] = scale;
        for (int64_t i = 0; i < z->width; i++) {
            double v = scale > 0 ? (double) w[i] / (double) scale : 0;
            if (z->q_type == RONDO_I8) ((int8_t *) z->q)[r * z->width + i] = to_int8(v);
            else ((uint8_t *) z->q)[r * z->width + i] = to_e4m3(v);
        }
    }
}

int32_t K(quantize_rows)(rondo_stream *s, const float *w, int64_t rows, int64_t width, void *q, int32_t q_type, float *scale)
{
    struct quantize job = {w, rows, width, q, q_type, scale};
    rondo_parallel(s, pieces(rows, ROWS), rows * width, quantize_chunk, &job);
    return RONDO_OK;
}

struct linear {
    const float *x;
    int64_t rows;
    const void *q;
    int32_t q_type;
    const float *scale;
    int64_t n, k, chunk;
    float *y;
};

/* Element order along x: the sums of VW lanes, then what is left. */
static float dot(const float *x, const float *w, int64_t n)
{
    vf sum = {0};
    int64_t i = 0;
    for (; i + VW <= n; i += VW) sum += load(x + i) * load(w + i);
    float total = lane_sum(sum);
    for (; i < n; i++) total += x[i] * w[i];
    return total;
}

static void widen_weights(const struct linear *l, int64_t at, int64_t n, float *to)
{
    if (l->q_type == RONDO_I8) {
        const int8_t *q = (const int8_t *) l->q + at;
        INDEPENDENT for (int64_t i = 0; i < n; i++) to[i] = q[i];
    } else {
        const uint8_t *q = (const uint8_t *) l->q + at;
        INDEPENDENT for (int64_t i = 0; i < n; i++) to[i] = from_e4m3(q[i]);
    }
}

static void linear_chunk(const void *job, int64_t chunk, float *scratch)
{
    const struct linear *l = job;
    for (int64_t r0 = 0; r0 < l->rows; r0 += GROUP)
        for (int64_t j = chunk * l->chunk; j < least(l->n, (chunk + 1) * l->chunk); j++) {
            int64_t rows = least(GROUP, l->rows - r0);
            float sum[GROUP] = {0};
            for (int64_t p = 0; p < l->k; p += DEPTH) {
                int64_t depth = least(DEPTH, l->k - p);
                widen_weights(l, j * l->k + p, depth, scratch);
                for (int64_t r = 0; r < rows; r++) sum[r] += dot(l->x + (r0 + r) * l->k + p, scratch, depth);
            }
            for (int64_t r = 0; r < rows; r++) l->y[(r0 + r) * l->n + j] = l->scale[j] * sum[r];
        }
}

int32_t K(quantized_linear)(rondo_stream *s, int32_t type, const void *x, int64_t rows, const void *q, int32_t q_type,
    const float *scale, int64_t n, int64_t k, void *y)
{

    struct linear job = {x, rows, q, q_type, scale, n, k, most(1, CHUNK_ELEMENTS / most(1, k)), y};
    rondo_parallel(s, pieces(n, job.chunk), rows * n * k, linear_chunk, &job);
    return RONDO_OK;
}
