/*
 * attention.h: what the three attention sources share.
 *
 * A view of one key/value head and the query heads that read it. Query row i has absolute position offset + i and sees keys
 * 0 .. offset + i; rows of a matrix are *_ld floats apart.
 */
#ifndef RONDO_CPU_ATTENTION_H
#define RONDO_CPU_ATTENTION_H

#include <string.h>

#include "tile.h"

/* Rows of a query block, keys of a block. */
enum { QUERIES = 48, KEYS = 128 };

struct head {
    const float *q, *k, *v;
    int64_t q_ld, kv_ld, offset, group, head_dim;
    float scale;
    float *out;
    int64_t out_ld;
    /* log-sum-exp of head g, row i at lse[g*lse_ld + i], or null. */
    float *lse;
    int64_t lse_ld;
};

/* Queries first .. last-1 of all heads of the group. */
void K(attend)(const struct head *head, int64_t first, int64_t last, float *scratch);

/* Rows of a block of queries: half of QUERIES where more would be lost above the diagonal of a short sequence. */
static inline int64_t query_rows(int64_t time) { return time <= 256 ? QUERIES / 2 : QUERIES; }

/* Rows of a span of queries that one task handles, from the size of the group alone. */
static inline int64_t span_rows(int64_t group) { return most(QUERIES, 4096 / group / QUERIES * QUERIES); }

/* to [rows padded to whole, width] = factor * from [rows, n]; padding is zero. */
INLINE void copy_block(const float *from, int64_t from_ld, int64_t rows, int64_t n, float factor, int64_t whole, int64_t width, float *to)
{
    for (int64_t i = 0; i < rows; i++) {
        const float *x = from + i * from_ld;
        float *y = to + i * width;
        int64_t j = 0;
        for (; j + VW <= n; j += VW) store(y + j, splat(factor) * load(x + j));
        for (; j < n; j++) y[j] = factor * x[j];
        for (; j < width; j++) y[j] = 0;
    }
    memset(to + rows * width, 0, (whole - rows) * width * sizeof(float));
}

/* Slivers of NR keys along head_dim: sliver s at to + s*NR*n holds rows s*NR .. of from [rows, n], transposed, zero beyond. */
INLINE void pack_keys(const float *from, int64_t from_ld, int64_t rows, int64_t n, float *to)
{
    for (int64_t s = 0; s < rows; s += NR, to += NR * n) pack_transposed(from + s * from_ld, from_ld, least(NR, rows - s), n, NR, to);
}

#endif
