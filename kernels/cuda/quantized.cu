/*
 * quantized.cu: weights of 8 bits: rows quantised to int8 or e4m3 with one scale each, and the linear layer over them.
 *
 * Quantising: a block a row. The layer: a warp a weight row, which serves ROWS rows of x at a time. Bound by memory: 1 byte a weight.
 */
#include "vectors.cuh"

constexpr int THREADS = 256, ROWS = 16;

/* e4m3: 4 bits of exponent with bias 7, 3 of mantissa, no infinities, largest 448. */
__device__ __forceinline__ float widen_code(int8_t q) { return (float) q; }
__device__ __forceinline__ float widen_code(uint8_t q)
{
    /* Its bits under a float's exponent, which is then 120 too small. */
    return __uint_as_float((unsigned) (q & 128) << 24 | (unsigned) (q & 127) << 20) * 0x1p120f;
}
__device__ __forceinline__ void narrow_code(float x, int8_t *to) { *to = (int8_t) rintf(x); }
__device__ __forceinline__ void narrow_code(float x, uint8_t *to)
{
    float size = fminf(fabsf(x), 448.0f);
    /* Steps of 2^-9 below 2^-6, of an eighth of a power of two above. */
    int power = size < 0x1p-6f ? -6 : (int) (__float_as_uint(size) >> 23) - 127;
    int steps = (int) rintf(size * __uint_as_float((unsigned) (127 + 3 - power) << 23));
    unsigned bits = steps < 8 ? steps : ((power + 7) << 3) + (steps - 8);
    *to = (uint8_t) (bits | (__float_as_uint(x) >> 24 & 128));
}

template <class Q> __global__ void quantize_kernel(const float *w, int64_t width, float largest, Q *q, float *scale)
{
    SHARED_ARRAY(float, slots, WARP);
    const float *from = w + (int64_t) blockIdx.x * width;
    float top = 0;
    for (int64_t i = threadIdx.x; i < width; i += THREADS) top = fmaxf(top, fabsf(from[i]));
    top = block_max(top, slots);
    float unit = top / largest;
    if (threadIdx.x == 0) scale[blockIdx.x] = unit;
    for (int64_t i = threadIdx.x; i < width; i += THREADS) narrow_code(unit > 0 ? from[i] / unit : 0, q + blockIdx.x * width + i);
}

int32_t device_quantize_rows(rondo_stream *s, const float *w, int64_t rows, int64_t width, void *q, int32_t q_type, float *scale)
{
    unsigned blocks = (unsigned) rows;
    if (q_type == RONDO_I8) {
        int8_t *to = (int8_t *) q;
        LAUNCH(quantize_kernel<int8_t>, blocks, THREADS, 0, s->stream, w, width, 127.0f, to, scale);
    } else {
        uint8_t *to = (uint8_t *) q;
        LAUNCH(quantize_kernel<uint8_t>, blocks, THREADS, 0, s->stream, w, width, 448.0f, to, scale);
    }
    return launched(s, "rondo_quantize_rows");
}

template <class T, class Q>
__global__ void linear_kernel(const T *x, int64_t rows, const Q *q, const float *scale, int64_t n, int64_t k, T *y)
{
    int64_t i = (int64_t) blockIdx.x * (THREADS / WARP) + threadIdx.x / WARP, r0 = (int64_t) blockIdx.y * ROWS;
    if (i >= n) return;
    int lane = threadIdx.x % WARP;
    float sums[ROWS] = {};
    for (int64_t j = lane; j < k; j += WARP) {
        float weight = widen_code(q[i * k + j]);
        for (int r = 0; r < ROWS; r++)
            if (r0 + r < rows) sums[r] += get(x[(r0 + r) * k + j]) * weight;
    }
    for (int r = 0; r < ROWS; r++) {
        float sum = warp_sum(sums[r]);
        if (lane == 0 && r0 + r < rows) put(y + (r0 + r) * n + i, scale[i] * sum);
    }
}

int32_t device_quantized_linear(rondo_stream *s, int32_t type, const void *x, int64_t rows, const void *q, int32_t q_type,
    const float *scale, int64_t n, int64_t k, void *y)
{
    dim3 blocks((unsigned) pieces(n, THREADS / WARP), (unsigned) pieces(rows, ROWS));
    by_type(type, [&](auto element) {
        using T = decltype(element);
        const T *from = (const T *) x;
        T *to = (T *) y;
        if (q_type == RONDO_I8) {
            const int8_t *codes = (const int8_t *) q;
            LAUNCH((linear_kernel<T, int8_t>), blocks, THREADS, 0, s->stream, from, rows, codes, scale, n, k, to);
        } else {
            const uint8_t *codes = (const uint8_t *) q;
            LAUNCH((linear_kernel<T, uint8_t>), blocks, THREADS, 0, s->stream, from, rows, codes, scale, n, k, to);
        }
    });
    return launched(s, "rondo_quantized_linear");
}
