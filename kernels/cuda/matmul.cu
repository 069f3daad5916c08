/*
 * matmul.cu: out = alpha*op(a)*op(b) + beta*c for f32 and bf16 operands, f32 accumulation: chooses who computes it, and computes
 * on the ordinary cores what has an operand of f32 and nobody else takes.
 *
 * That is the parity product: 64 x 64 tiles of out, 16 of the depth at a time through shared memory, 4 x 4 sums a thread. Any
 * extents, any leading dimension. A symmetric result computes the tiles on and below the diagonal and writes both halves. Batch
 * entries go to the grid's z. Traffic: each operand once per 64 rows or columns of out.
 */
#include "cublaslt.h"
#include "product.h"

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
    /* The grid holds as many rows of tiles in y; batches go in groups. */
    for (int64_t first = 0; first < batch; first += MOST_BATCH) {
        dim3 blocks((unsigned) pieces(n, TILE), (unsigned) pieces(m, TILE), (unsigned) lesser(MOST_BATCH, batch - first));
        LAUNCH((matmul_kernel<A, B, C>), blocks, THREADS, 0, s->stream, m, n, k, a, b, result, symmetric);
        a.data += MOST_BATCH * a.step;
        b.data += MOST_BATCH * b.step;
        if (result.c) result.c += MOST_BATCH * result.c_step;
        result.out += MOST_BATCH * result.out_step;
    }
}

/* An operand is of f32, the other of either type. */
static int32_t ordinary_product(rondo_stream *s, const Product &p)
{
    LIMIT(pieces(p.m, TILE) <= MOST_BATCH, "rondo_matmul: m is %lld, expected at most %lld", (long long) p.m,
        (long long) MOST_BATCH * TILE);
    auto with_result = [&](auto left, auto right) {
        if (p.out_type == RONDO_F32)
            start(s, p.batch, p.m, p.n, p.k, left, right,
                Result<float>{p.alpha, p.beta, (const float *) p.c, p.c_ld, p.c_step, (float *) p.out, p.out_ld, p.out_step}, p.symmetric);
        else
            start(s, p.batch, p.m, p.n, p.k, left, right,
                Result<uint16_t>{p.alpha, p.beta, (const uint16_t *) p.c, p.c_ld, p.c_step, (uint16_t *) p.out, p.out_ld, p.out_step},
                p.symmetric);
    };
    auto operand = [](const Factor &x, bool across, auto element) {
        using T = decltype(element);
        return Operand<T>{static_cast<const T *>(x.data), across ? 1 : x.ld, across ? x.ld : 1, x.step};
    };
    bool across_a = p.a.transposed, across_b = !p.b.transposed;
    if (p.a.type == RONDO_BF16) with_result(operand(p.a, across_a, uint16_t()), operand(p.b, across_b, float()));
    else if (p.b.type == RONDO_BF16) with_result(operand(p.a, across_a, float()), operand(p.b, across_b, uint16_t()));
    else with_result(operand(p.a, across_a, float()), operand(p.b, across_b, float()));
    return RONDO_OK;
}

/*
 * The one choice, by type and shape alone.
 *   Few rows by a transposed b: our own, which reads the weights once at the memory's speed.
 *   bf16 by bf16 and symmetric: our own, which computes half of the tiles. cuBLASLt would compute all of them.
 *   Both operands of one type: cuBLASLt where it is and takes the product.
 *   The rest, and everything without cuBLASLt: bf16 by bf16 on the tensor cores, else the ordinary cores.
 */
static int32_t multiply(rondo_stream *s, const Product &p)
{
    bool both_bf16 = p.a.type == RONDO_BF16 && p.b.type == RONDO_BF16;
    if (p.m <= FEW_ROWS && !p.a.transposed && p.b.transposed && !p.symmetric) {
        few_rows_product(s, p);
        return RONDO_OK;
    }
    if (s->cublaslt && p.a.type == p.b.type && !(both_bf16 && p.symmetric)) {
        bool done = false;
        int32_t code = cublaslt_product(s, p, &done);
        if (code != RONDO_OK || done) return code;
    }
    if (!both_bf16) return ordinary_product(s, p);
    tensor_product(s, p);
    return RONDO_OK;
}

int32_t device_matmul(rondo_stream *s, int64_t batch, int64_t m, int64_t n, int64_t k, float alpha, const void *a, int32_t a_type,
    int32_t transpose_a, int64_t a_ld, int64_t a_step, const void *b, int32_t b_type, int32_t transpose_b, int64_t b_ld, int64_t b_step,
    float beta, const void *c, int64_t c_ld, int64_t c_step, void *out, int32_t out_type, int64_t out_ld, int64_t out_step,
    int32_t symmetric)
{
    Product p = {.batch = batch, .m = m, .n = n, .k = k, .alpha = alpha, .beta = beta, .a = {a, a_type, transpose_a, a_ld, a_step},
        .b = {b, b_type, transpose_b, b_ld, b_step}, .c = beta != 0 ? c : nullptr, .c_ld = c_ld, .c_step = c_step, .out = out,
        .out_type = out_type, .out_ld = out_ld, .out_step = out_step, .symmetric = symmetric};
    int32_t code = multiply(s, p);
    return code == RONDO_OK ? launched(s, "rondo_matmul") : code;
}
