/*
 * few_rows.cuh: y = x * w^T for up to 16 rows x [rows, k] and weights w [n, k] of 8, 16 or 32 bits: decoding, bound by reading w.
 *
 * A block owns FEW_COLUMNS rows of w; its lanes share the depth in steps of 16 bytes of each weight row, all of them in flight at
 * once and past the first cache, which thereby keeps x. 8-bit weights become floats in registers, exactly. Sums are f32 products
 * and sums, per lane along the depth, then over the lanes by halves, then over the warps in order. A depth that is no multiple of
 * 16 bytes, or rows that begin elsewhere, go element by element. At 16 rows the arithmetic takes about as long as the reading.
 */
#ifndef RONDO_CUDA_FEW_ROWS_CUH
#define RONDO_CUDA_FEW_ROWS_CUH

#include "product.h"

constexpr int FEW_COLUMNS = 4, FEW_WARPS = 8;

struct E4m3 {
    uint8_t bits;
};

/* Sign, 4 bits of exponent with bias 7 and 3 of fraction are those of a float once its exponent is raised by 120; subnormals too. */
__device__ __forceinline__ float widen_e4m3(unsigned byte_on_top)
{
    return __uint_as_float((unsigned) ((int) byte_on_top >> 4) & 0x87f00000u) * 0x1p120f;
}
__device__ __forceinline__ float get(int8_t x) { return (float) x; }
__device__ __forceinline__ float get(E4m3 x) { return widen_e4m3((unsigned) x.bits << 24); }

/* Four floats, the fourth-th of 16 bytes of weights. */
__device__ __forceinline__ unsigned word_of(const uint4 &raw, int i) { return i == 0 ? raw.x : i == 1 ? raw.y : i == 2 ? raw.z : raw.w; }
__device__ __forceinline__ void widen4(float, const uint4 &raw, int, float *w)
{
    for (int i = 0; i < 4; i++) w[i] = __uint_as_float(word_of(raw, i));
}
__device__ __forceinline__ void widen4(uint16_t, const uint4 &raw, int fourth, float *w)
{
    unsigned low = fourth ? raw.z : raw.x, high = fourth ? raw.w : raw.y;
    w[0] = __uint_as_float(low << 16), w[1] = __uint_as_float(low & 0xffff0000u);
    w[2] = __uint_as_float(high << 16), w[3] = __uint_as_float(high & 0xffff0000u);
}
__device__ __forceinline__ void widen4(int8_t, const uint4 &raw, int fourth, float *w)
{
    unsigned word = word_of(raw, fourth) ^ 0x80808080u;
    for (int i = 0; i < 4; i++) w[i] = byte_over_2_23(word, i) - 8388736.0f;
}
__device__ __forceinline__ void widen4(E4m3, const uint4 &raw, int fourth, float *w)
{
    unsigned word = word_of(raw, fourth);
    for (int i = 0; i < 4; i++) w[i] = widen_e4m3(word << (24 - 8 * i));
}

/*
 * Sums each v over the lanes; with V values, lane l then holds in v[0..] those from l * V / 32 on. Half of the values are given
 * away at each step, so that V values take V steps and not 5 V.
 */
template <int V> __device__ __forceinline__ void sum_lanes(float (&v)[V])
{
    int lane = threadIdx.x % WARP;
#pragma unroll
    for (int bits = WARP / 2, held = V; bits > 0; bits /= 2) {
        if (held > 1) {
            held /= 2;
            bool upper = lane & bits;
            for (int i = 0; i < held; i++) {
                float given = upper ? v[i] : v[i + held], kept = upper ? v[i + held] : v[i];
                v[i] = kept + __shfl_xor_sync(ALL_LANES, given, bits);
            }
        } else {
            v[0] += __shfl_xor_sync(ALL_LANES, v[0], bits);
        }
    }
}

/* Entries of a batch, or groups of rows, of which the last may have fewer. */
struct FewRows {
    int64_t entries, n, k;
    int rows, last_rows;
    const void *x, *w;
    int64_t x_ld, x_step, w_ld, w_step;
    float alpha, beta;
    /* One factor for each of n, or null. */
    const float *scale;
    const void *c;
    void *out;
    int64_t c_ld, c_step, out_ld, out_step;
    int out_type;
    /* Rows of w and x begin at multiples of 16 bytes. */
    int aligned;
};

template <class X, class W, int R>
__global__ __launch_bounds__(FEW_WARPS *WARP, R == 1 ? 4 : R > 8 ? 1 : 2) void few_rows_kernel(FewRows job)
{
    /* Of 16 bytes of each weight row as many elements at once as leave registers for the sums. */
    constexpr int COUNT = 16 / sizeof(W), PART = COUNT == 4 || R > 4 ? 4 : 8, V = R * FEW_COLUMNS;
    SHARED_ARRAY(float, sums, FEW_WARPS * V);
    int warp = threadIdx.x / WARP, lane = threadIdx.x % WARP, warps = blockDim.x / WARP;
    int64_t entry = blockIdx.y, j0 = (int64_t) blockIdx.x * FEW_COLUMNS;
    int rows = entry + 1 == job.entries ? job.last_rows : job.rows;
    const X *x = static_cast<const X *>(job.x) + entry * job.x_step;
    const W *w[FEW_COLUMNS];
    for (int c = 0; c < FEW_COLUMNS; c++) w[c] = static_cast<const W *>(job.w) + entry * job.w_step + lesser(j0 + c, job.n - 1) * job.w_ld;
    float sum[V] = {};
    int64_t whole = job.aligned ? job.k / COUNT * COUNT : 0;
    for (int64_t p = (int64_t) threadIdx.x * COUNT; p < whole; p += (int64_t) blockDim.x * COUNT) {
        uint4 raw[FEW_COLUMNS];
#pragma unroll
        for (int c = 0; c < FEW_COLUMNS; c++) raw[c] = load16_once(w[c] + p);
#pragma unroll(R > 4 ? 1 : COUNT / PART)
        for (int part = 0; part < COUNT; part += PART) {
            float weight[FEW_COLUMNS][PART];
#pragma unroll
            for (int c = 0; c < FEW_COLUMNS; c++)
                for (int e = 0; e < PART; e += 4) widen4(W(), raw[c], (part + e) / 4, weight[c] + e);
            /* Rows that are not there read the last one, and are not written. */
            const X *from = x + p + part;
#pragma unroll
            for (int r = 0; r < R; r++) {
                float value[PART];
                for (int e = 0; e < PART; e += 4) load4(from + e, *reinterpret_cast<float(*)[4]>(value + e));
                if (r + 1 < rows) from += job.x_ld;
#pragma unroll
                for (int c = 0; c < FEW_COLUMNS; c++)
#pragma unroll
                    for (int e = 0; e < PART; e++) sum[r * FEW_COLUMNS + c] += value[e] * weight[c][e];
            }
        }
    }
    for (int64_t p = whole + threadIdx.x; p < job.k; p += blockDim.x) {
        const X *from = x + p;
#pragma unroll
        for (int r = 0; r < R; r++) {
            float value = get(*from);
            if (r + 1 < rows) from += job.x_ld;
#pragma unroll
            for (int c = 0; c < FEW_COLUMNS; c++) sum[r * FEW_COLUMNS + c] += value * get(w[c][p]);
        }
    }
    sum_lanes(sum);
    constexpr int HELD = V > WARP ? V / WARP : 1, SHARERS = V < WARP ? WARP / V : 1;
    if (lane % SHARERS == 0)
        for (int i = 0; i < HELD; i++) sums[warp * V + lane / SHARERS * HELD + i] = sum[i];
    __syncthreads();
    for (int v = threadIdx.x; v < V; v += blockDim.x) {
        int r = v / FEW_COLUMNS;
        int64_t j = j0 + v % FEW_COLUMNS;
        if (r >= rows || j >= job.n) continue;
        float total = sums[v];
        for (int i = 1; i < warps; i++) total += sums[i * V + v];
        total *= job.scale ? job.alpha * job.scale[j] : job.alpha;
        int64_t from = entry * job.c_step + r * job.c_ld + j, to = entry * job.out_step + r * job.out_ld + j;
        if (job.out_type == RONDO_F32) {
            if (job.beta != 0) total += job.beta * static_cast<const float *>(job.c)[from];
            static_cast<float *>(job.out)[to] = total;
        } else {
            if (job.beta != 0) total += job.beta * widen(static_cast<const uint16_t *>(job.c)[from]);
            static_cast<uint16_t *>(job.out)[to] = narrow(total);
        }
    }
}

/* As many warps as have 16 bytes of each row to read, at most FEW_WARPS. */
template <class X, class W, int R> void start_rows(rondo_stream *s, const FewRows &job)
{
    unsigned warps = (unsigned) greater(1, lesser(FEW_WARPS, pieces(job.k, WARP * 16 / sizeof(W))));
    dim3 blocks((unsigned) pieces(job.n, FEW_COLUMNS), (unsigned) job.entries);
    LAUNCH((few_rows_kernel<X, W, R>), blocks, warps * WARP, 0, s->stream, job);
}

/* Entries in groups that a grid holds; rows in the kernel's sizes. */
template <class X, class W> void start_few_rows(rondo_stream *s, FewRows job)
{
    int64_t left = job.entries, last_rows = job.last_rows, bytes = element_bytes(job.out_type);
    for (; left > 0; left -= MOST_BATCH) {
        job.entries = lesser(left, MOST_BATCH);
        job.last_rows = left > MOST_BATCH ? job.rows : (int) last_rows;
        if (job.rows == 1) start_rows<X, W, 1>(s, job);
        else if (job.rows <= 4) start_rows<X, W, 4>(s, job);
        else if (job.rows <= 8) start_rows<X, W, 8>(s, job);
        else start_rows<X, W, 16>(s, job);
        job.x = static_cast<const X *>(job.x) + MOST_BATCH * job.x_step;
        job.w = static_cast<const W *>(job.w) + MOST_BATCH * job.w_step;
        if (job.c) job.c = static_cast<const char *>(job.c) + MOST_BATCH * job.c_step * bytes;
        job.out = static_cast<char *>(job.out) + MOST_BATCH * job.out_step * bytes;
    }
}

#endif
