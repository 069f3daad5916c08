/*
 * product.h: a product as every way to compute it sees it. matmul.cu chooses among the ways; each is in the file of its name.
 */
#ifndef RONDO_CUDA_PRODUCT_H
#define RONDO_CUDA_PRODUCT_H

#include "vectors.cuh"

/* One operand as it is stored; element (i, p) of op() lies at i*ld + p, or at p*ld + i when transposed is set. */
struct Factor {
    const void *data;
    int32_t type, transposed;
    int64_t ld, step;
};

/* out[i] = alpha * op(a[i]) * op(b[i]) + beta * c[i], see rondo_matmul. c is null where beta is 0. */
struct Product {
    int64_t batch, m, n, k;
    float alpha, beta;
    Factor a, b;
    const void *c;
    int64_t c_ld, c_step;
    void *out;
    int32_t out_type;
    int64_t out_ld, out_step;
    int32_t symmetric;
};

/* The grid's y and z. */
constexpr int64_t MOST_BATCH = 65535;

constexpr int64_t element_bytes(int32_t type) { return type == RONDO_F32 ? 4 : 2; }

/* Where an operand's rows begin at multiples of 16 bytes, in every entry of the batch. */
inline bool rows_aligned(const void *data, int64_t bytes, int64_t ld, int64_t batch, int64_t step)
{
    return (uintptr_t) data % 16 == 0 && ld * bytes % 16 == 0 && (batch == 1 || step * bytes % 16 == 0);
}

/* Four neighbours at a multiple of their size. */
__device__ __forceinline__ void load4(const float *from, float (&x)[4]) { load(from, x); }
__device__ __forceinline__ void load4(const uint16_t *from, float (&x)[4])
{
    uint2 v = *reinterpret_cast<const uint2 *>(from);
    x[0] = __uint_as_float(v.x << 16), x[1] = __uint_as_float(v.x & 0xffff0000u);
    x[2] = __uint_as_float(v.y << 16), x[3] = __uint_as_float(v.y & 0xffff0000u);
}

/* bf16 by bf16 on the tensor cores: any transposes, extents and layout. */
void tensor_product(rondo_stream *s, const Product &p);

/* Up to FEW_ROWS rows of a, not transposed, by a transposed b: decoding. Each of a and b f32 or bf16. */
constexpr int64_t FEW_ROWS = 16;
void few_rows_product(rondo_stream *s, const Product &p);

#endif
