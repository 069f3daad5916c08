/*
 * matmul.cu: out = alpha*op(a)*op(b) + beta*c for f32 and bf16 operands, f32 accumulation.
 *
 * The parity product: 64 x 64 tiles of out, 16 of the depth at a time through shared memory, 4 x 4 sums a thread on the ordinary
 * cores. Any extents, any leading dimension. A symmetric result computes the tiles on and below the diagonal and writes both
 * halves. Batch entries go to the grid's z. Traffic: each operand once per 64 rows or columns of out.
 */
#include "device.h"

constexpr int TILE = 64, DEPTH = 16, SUMS = 4, THREADS = (TILE / SUMS) * (TILE / SUMS), PAD = 4;

/* Element (i, p) at data[i*row + p*column]. */
template <class T> struct Operand {
    const T *data;
    int64_t row, column, step;
};

template <class T> struct Result {
    float alpha, beta;
    const T *c;
    int64_t c_ld, c_step;
    T *out;
    int64_t out_ld, out_step;
};

/* tile[p][i] = x(i0 + i, p0 + p), zero outside; threads run along the contiguous side. */
template <class T>
__device__ __forceinline__ void load_tile(const Operand<T> &x, const T *data, int64_t i0, int64_t p0, int64_t rows, int64_t depth, float *tile)
{
    for (int e = threadIdx.x; e < TILE * DEPTH; e += THREADS) {
        int i = x.column == 1 ? e / DEPTH : e % TILE, p = x.column == 1 ? e % DEPTH : e / TILE;
        bool inside = i0 + i < rows && p0 + p < depth;
        tile[p * (TILE + PAD) + i] = inside ? get(data[(i0 + i) * x.row + (p0 + p) * x.column]) : 0;
    }
}

template <class A, class B, class C>
__global__ __launch_bounds__(THREADS) void matmul_kernel(int64_t m, int64_t n, int64_t k, Operand<A> a, Operand<B> b, Result<C> result, int symmetric)
{
    SHARED_ARRAY(float, tile_a, DEPTH * (TILE + PAD));
    SHARED_ARRAY(float, tile_b, DEPTH * (TILE + PAD));
    int64_t i0 = (int64_t) blockIdx.y * TILE, j0 = (int64_t) blockIdx.x * TILE;
    if (symmetric && j0 > i0) return;
    const A *from_a = a.data + blockIdx.z * a.step;
    const B *from_b = b.data + blockIdx.z * b.step;
    int row = threadIdx.x / (TILE / SUMS) * SUMS, column = threadIdx.x % (TILE / SUMS) * SUMS;
    float sum[SUMS][SUMS] = {};
    for (int64_t p0 = 0; p0 < k; p0 += DEPTH) {
        load_tile(a, from_a, i0, p0, m, k, tile_a);
        load_tile(b, from_b, j0, p0, n, k, tile_b);
        __syncthreads();
        for (int p = 0; p < DEPTH; p++) {
            float4 x = *reinterpret_cast<const float4 *>(tile_a + p * (TILE + PAD) + row);
            float4 y = *reinterpret_cast<const float4 *>(tile_b + p * (TILE + PAD) + column);
            float left[SUMS] = {x.x, x.y, x.z, x.w}, right[SUMS] = {y.x, y.y, y.z, y.w};
            for (int i = 0; i < SUMS; i++)
                for (int j = 0; j < SUMS; j++) sum[i][j] += left[i] * right[j];
        }
        __syncthreads();
    }
    const C *c = result.c ? result.c + blockIdx.z * result.c_step : nullptr;
    C *out = result.out + blockIdx.z * result.out_step;
    for (int i = 0; i < SUMS; i++)
        for (int j = 0; j < SUMS; j++) {
            int64_t r = i0 + row + i, q = j0 + column + j;
            if (r >= m || q >= n || (symmetric && q > r)) continue;
            float value = result.alpha * sum[i][j];
            if (result.beta != 0) value += result.beta * get(c[r * result.c_ld + q]);
            put(out + r * result.out_ld + q, value);
            if (symmetric && q < r) put(out + q * result.out_ld + r, value);
        }
}

template <class A, class B, class C>
static void start(rondo_stream *s, int64_t batch, int64_t m, int64_t n, int64_t k, Operand<A> a, Operand<B> b, Result<C> result, int symmetric)
{
    /* The grid holds 65535 entries in z and rows of tiles in y: batches go in groups. */
    for (int64_t first = 0; first < batch; first += 65535) {
        dim3 blocks((unsigned) pieces(n, TILE), (unsigned) pieces(m, TILE), (unsigned) lesser(65535, batch - first));
        LAUNCH((matmul_kernel<A, B, C>), blocks, THREADS, 0, s->stream, m, n, k, a, b, result, symmetric);
        a.data += 65535 * a.step;
        b.data += 65535 * b.step;
        if (result.c) result.c += 65535 * result.c_step;
        result.out += 65535 * result.out_step;
    }
}


int32_t device_matmul(rondo_stream *s, int64_t batch, int64_t m, int64_t n, int64_t k, float alpha, const void *a, int32_t a_type,
    int32_t transpose_a, int64_t a_ld, int64_t a_step, const void *b, int32_t b_type, int32_t transpose_b, int64_t b_ld, int64_t b_step,
    float beta, const void *c, int64_t c_ld, int64_t c_step, void *out, int32_t out_type, int64_t out_ld, int64_t out_step,
    int32_t symmetric)
{
    if (pieces(m, TILE) > 65535)
        return rondo_fail(RONDO_UNSUPPORTED, "rondo_matmul: m is %lld, expected at most %d", (long long) m, 65535 * TILE);
    auto with_result = [&](auto left, auto right) {
        if (out_type == RONDO_F32)
            start(s, batch, m, n, k, left, right,
                Result<float>{alpha, beta, beta != 0 ? (const float *) c : nullptr, c_ld, c_step, (float *) out, out_ld, out_step}, symmetric);
        else
            start(s, batch, m, n, k, left, right,
                Result<uint16_t>{alpha, beta, beta != 0 ? (const uint16_t *) c : nullptr, c_ld, c_step, (uint16_t *) out, out_ld, out_step},
                symmetric);
    };
    auto with_right = [&](auto left) {
        int64_t row = transpose_b ? b_ld : 1, column = transpose_b ? 1 : b_ld;
        if (b_type == RONDO_F32) with_result(left, Operand<float>{(const float *) b, row, column, b_step});
        else with_result(left, Operand<uint16_t>{(const uint16_t *) b, row, column, b_step});
    };
    int64_t row = transpose_a ? 1 : a_ld, column = transpose_a ? a_ld : 1;
    if (a_type == RONDO_F32) with_right(Operand<float>{(const float *) a, row, column, a_step});
    else with_right(Operand<uint16_t>{(const uint16_t *) a, row, column, a_step});
    return launched(s, "rondo_matmul");
}
