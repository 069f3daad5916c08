/*
 * tile.h: the register-blocked product that matmul.c and attention share.
 *
 * acc[MR][NV vectors] = sum over p of a(i, p) * b(p, j), with a(i, p) at a[i*a_row + p*a_column] (broadcast) and b(p, .) NV
 * vectors at b + p*b_row. The accumulators fill the register file: 6 x 16 in 12 of AVX2's 16, 12 x 32 in 24 of AVX-512's 32,
 * 4 x 8 in 8 of 16.
 */
#ifndef RONDO_CPU_TILE_H
#define RONDO_CPU_TILE_H

#include "kernels.h"
#include "simd.h"

#if VW == 16
#define MR 12
#elif VW == 8
#define MR 6
#else
#define MR 4
#endif
#define NV 2
#define NR (NV * VW)

/* Blocks of rows elsewhere are multiples of 24 and so hold whole register tiles. */
_Static_assert(24 % MR == 0, "24 rows are whole register tiles");

INLINE void tile_product(int64_t k, const float *a, int64_t a_row, int64_t a_column, const float *b, int64_t b_row, int vectors,
    vf acc[MR][NV])
{
    vf sum[MR][NV];
    UNROLL for (int i = 0; i < MR; i++)
        UNROLL for (int v = 0; v < vectors; v++) sum[i][v] = (vf){0};
    for (int64_t p = 0; p < k; p++) {
        vf column[NV];
        UNROLL for (int v = 0; v < vectors; v++) column[v] = load(b + v * VW);
        UNROLL for (int i = 0; i < MR; i++) {
            vf x = splat(a[i * a_row]);
            UNROLL for (int v = 0; v < vectors; v++) sum[i][v] += x * column[v];
        }
        a += a_column;
        b += b_row;
    }
    UNROLL for (int i = 0; i < MR; i++)
        UNROLL for (int v = 0; v < vectors; v++) acc[i][v] = sum[i][v];
}

/*
 * c [m, n] (+)= a * b inside scratch: m is a multiple of MR, n of VW, so nothing is ragged. Sliver s of NR columns of b begins
 * at b + s*b_sliver with rows b_row apart. add: adds to c.
 */
INLINE void block_product(int64_t m, int64_t n, int64_t k, const float *a, int64_t a_row, int64_t a_column, const float *b,
    int64_t b_row, int64_t b_sliver, int add, float *c, int64_t c_ld)
{
    vf acc[MR][NV];
    int64_t j = 0;
    for (; j + NR <= n; j += NR)
        for (int64_t i = 0; i < m; i += MR) {
            tile_product(k, a + i * a_row, a_row, a_column, b + j / NR * b_sliver, b_row, NV, acc);
            UNROLL for (int r = 0; r < MR; r++)
                UNROLL for (int v = 0; v < NV; v++) {
                    float *to = c + (i + r) * c_ld + j + v * VW;
                    store(to, add ? load(to) + acc[r][v] : acc[r][v]);
                }
        }
    if (j < n)
        for (int64_t i = 0; i < m; i += MR) {
            tile_product(k, a + i * a_row, a_row, a_column, b + j / NR * b_sliver, b_row, 1, acc);
            UNROLL for (int r = 0; r < MR; r++) {
                float *to = c + (i + r) * c_ld + j;
                store(to, add ? load(to) + acc[r][0] : acc[r][0]);
            }
        }
}

/* In place transpose of VW vectors: log2(VW) rounds that interleave vector i with vector i + VW/2. */
INLINE void transpose(vf r[VW])
{
#if VW == 16
    const vi low = {0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23};
#elif VW == 8
    const vi low = {0, 8, 1, 9, 2, 10, 3, 11};
#else
    const vi low = {0, 4, 1, 5};
#endif
    UNROLL for (int round = 1; round < VW; round *= 2) {
        vf t[VW];
        UNROLL for (int i = 0; i < VW / 2; i++) {
            t[2 * i] = __builtin_shuffle(r[i], r[i + VW / 2], low);
            t[2 * i + 1] = __builtin_shuffle(r[i], r[i + VW / 2], low + VW / 2);
        }
        UNROLL for (int i = 0; i < VW; i++) r[i] = t[i];
    }
}

/*
 * to[p*width + j] = from[j*from_row + p] for j < count, p < depth, zero for count <= j < width; width is a multiple of VW:
 * vectors along the rows of from become columns of a sliver.
 */
INLINE void pack_transposed(const float *from, int64_t from_row, int64_t count, int64_t depth, int64_t width, float *to)
{
    for (int64_t j = 0; j < width; j += VW) {
        int64_t p = 0;
        if (j + VW <= count)
            for (; p + VW <= depth; p += VW) {
                vf block[VW];
                UNROLL for (int i = 0; i < VW; i++) block[i] = load(from + (j + i) * from_row + p);
                transpose(block);
                UNROLL for (int i = 0; i < VW; i++) store(to + (p + i) * width + j, block[i]);
            }
        for (; p < depth; p++)
            for (int64_t i = 0; i < VW; i++) to[p * width + j + i] = j + i < count ? from[(j + i) * from_row + p] : 0;
    }
}

#endif
