/*
 * matmul.c: chooses who computes it: dot products for few rows, else the blocked product; small products of
 * a batch go whole to one thread each. The choice depends on the arguments alone.
 */
#include "product.h"
#include "simd.h"

/* Entries of a batch below SMALL_ENTRY multiply-adds are computed whole by one thread. */
enum { SMALL_ENTRY = 1 << 22, MIRROR = 32 };

/* out = beta * c, for an empty sum. */
static void scale_rows(const struct product *p)
{
    for (int64_t i = 0; i < p->m; i++)
        for (int64_t j = 0; j < p->n; j++)
            if (p->out_type == RONDO_F32) {
                float *to = (float *) p->out + i * p->out_ld + j;
                *to = p->beta == 0 ? 0 : p->beta * ((const float *) p->c)[i * p->c_ld + j];
            } else {
                uint16_t *to = (uint16_t *) p->out + i * p->out_ld + j;
                *to = p->beta == 0 ? 0 : narrow_one(p->beta * widen_one(((const uint16_t *) p->c)[i * p->c_ld + j]));
            }
}

/* Copies the part below the diagonal above it, block by block. */
static void mirror_rows(const void *job, int64_t chunk, float *scratch)
{
    const struct product *p = job;
    int64_t i0 = chunk * MIRROR, i1 = least(i0 + MIRROR, p->m), ld = p->out_ld;
    for (int64_t j0 = 0; j0 <= i0; j0 += MIRROR)
        for (int64_t i = i0; i < i1; i++)
            for (int64_t j = j0; j < least(j0 + MIRROR, i); j++)
                if (p->out_type == RONDO_F32) ((float *) p->out)[j * ld + i] = ((float *) p->out)[i * ld + j];
                else ((uint16_t *) p->out)[j * ld + i] = ((uint16_t *) p->out)[i * ld + j];
}

/* s or scratch, see blocked_product. */
static void multiply(rondo_stream *s, const struct product *p, float *scratch)
{
    if (K(few_rows_fit)(p)) {
        K(few_rows_product)(s, p, scratch);
        return;
    }
    K(blocked_product)(s, p, scratch);
    if (!p->lower) return;
    if (s) rondo_parallel(s, pieces(p->m, MIRROR), p->m * p->m, mirror_rows, p);
    else
        for (int64_t chunk = 0; chunk < pieces(p->m, MIRROR); chunk++) mirror_rows(p, chunk, scratch);
}

int32_t K(product)(rondo_stream *s, const struct product *p)
{
    if (p->m == 0 || p->n == 0) return RONDO_OK;
    if (p->k == 0) scale_rows(p);
    else multiply(s, p, rondo_thread_scratch(s));
    return RONDO_OK;
}

struct batch {
    struct product first;
    int64_t a_step, b_step, c_step, out_step;
};

static struct product entry_of(const struct batch *batch, int64_t i)
{
    struct product p = batch->first;
    int64_t size = p.out_type == RONDO_F32 ? 4 : 2;
    p.a.data = (const char *) p.a.data + i * batch->a_step * (p.a.type == RONDO_F32 ? 4 : 2);
    p.b.data = (const char *) p.b.data + i * batch->b_step * (p.b.type == RONDO_F32 ? 4 : 2);
    if (p.c) p.c = (const char *) p.c + i * batch->c_step * size;
    p.out = (char *) p.out + i * batch->out_step * size;
    return p;
}

static void multiply_entry(const void *job, int64_t chunk, float *scratch)
{
    struct product p = entry_of(job, chunk);
    multiply(0, &p, scratch);
}

int32_t K(matmul)(rondo_stream *s, int64_t batch, int64_t m, int64_t n, int64_t k, float alpha, const void *a, int32_t a_type,
    int32_t transpose_a, int64_t a_ld, int64_t a_step, const void *b, int32_t b_type, int32_t transpose_b, int64_t b_ld,
    int64_t b_step, float beta, const void *c, int64_t c_ld, int64_t c_step, void *out, int32_t out_type, int64_t out_ld,
    int64_t out_step, int32_t symmetric)
{
    if (out_type == RONDO_BF16) AT_MOST(matmul, k, RONDO_MOST_BF16_DEPTH);
    struct batch job = {.first = {.m = m, .n = n, .k = k, .alpha = alpha, .beta = beta, .c = c, .c_ld = c_ld,
                            .out = out, .out_ld = out_ld, .out_type = out_type, .lower = symmetric != 0},
        .a_step = a_step, .b_step = b_step, .c_step = c_step, .out_step = out_step};
    job.first.a = (struct operand){a, a_type, transpose_a ? 1 : a_ld, transpose_a ? a_ld : 1};
    job.first.b = (struct operand){b, b_type, transpose_b ? 1 : b_ld, transpose_b ? b_ld : 1};
    double work = (double) m * n * k;
    int alone = work <= SMALL_ENTRY && k > 0 && k <= 4096;
    if (batch > 1 && alone) {
        rondo_parallel(s, batch, (int64_t) (batch * work / 16), multiply_entry, &job);
        return RONDO_OK;
    }
    for (int64_t i = 0; i < batch; i++) {
        struct product p = entry_of(&job, i);
        K(product)(s, &p);
    }
    return RONDO_OK;
}
