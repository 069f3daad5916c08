/*
 * product.h: products inside the library (matmul.c checks and chooses, product.c is blocked, matvec.c is for few rows).
 */
#ifndef RONDO_CPU_PRODUCT_H
#define RONDO_CPU_PRODUCT_H

#include "kernels.h"
#include "simd.h"

/* Element (i, p) of the operand is at data[i*row + p*column]; one of row and column is 1. */
struct operand {
    const void *data;
    int32_t type;
    int64_t row, column;
};

/* out [m, n] = alpha * a [m, k] * b [k, n] + beta * c; out may be c. lower: only what lies on or below the diagonal is needed. */
struct product {
    int64_t m, n, k;
    struct operand a, b;
    float alpha, beta;
    const void *c;
    int64_t c_ld;
    void *out;
    int64_t out_ld;
    int32_t out_type;
    int lower;
};

/* The choice between few rows and the blocked product. */
int32_t K(product)(rondo_stream *s, const struct product *job);

/* Blocked, over all threads of s or, when s is null, on this thread with its scratch. */
void K(blocked_product)(rondo_stream *s, const struct product *job, float *scratch);

/* Few rows: a has contiguous rows (column = 1), b contiguous columns (row = 1). */
int K(few_rows_fit)(const struct product *job);
void K(few_rows_product)(rondo_stream *s, const struct product *job, float *scratch);


/* A vector, an element of a type that the compiler knows where this is inlined. */
INLINE vf load_as(const void *data, int64_t index, int32_t type)
{
    return type == RONDO_F32 ? load((const float *) data + index) : load_bf16((const uint16_t *) data + index);
}
INLINE float load_one(const void *data, int64_t index, int32_t type)
{
    return type == RONDO_F32 ? ((const float *) data)[index] : widen_one(((const uint16_t *) data)[index]);
}

static inline struct operand operand_at(struct operand x, int64_t i, int64_t p)
{
    int64_t offset = i * x.row + p * x.column;
    x.data = (const char *) x.data + offset * (x.type == RONDO_F32 ? 4 : 2);
    return x;
}

#endif
