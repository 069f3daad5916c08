/*
 * attention_grad.cu: gradient of causal grouped-query attention in f32, without atomics.
 *
 * P = exp(scale*q k^T - lse), delta = rowsum(dout*out), dS = P * (dout v^T - delta), dq = scale * dS k, dk = scale * dS^T q,
 * dv = P^T dout (FlashAttention, arXiv 2205.14135, algorithm 4). Two kernels, each of which recomputes P: a block of the first owns a
 * tile of queries and walks over keys; a block of the second owns a tile of keys and walks over the queries of its whole group. So
 * every result is written once, in an order fixed by the shape. Limit: head_dim at most MOST_HEAD_DIM.
 */
#include "attention.cuh"

struct GradJob {
    const float *qkv, *out, *lse, *dout;
    int64_t time, heads, kv_heads;
    int head_dim;
    float scale;
    float *dqkv;
};

/* delta of row i: the four lanes of a row sum dout * out. */
__device__ __forceinline__ float row_delta(const GradJob &job, int64_t b, int64_t h, int64_t i, int quad)
{
    float sum = 0;
    if (i < job.time) {
        int64_t at = ((b * job.time + i) * job.heads + h) * job.head_dim;
        for (int c = quad; c < job.head_dim; c += QUAD) sum += job.dout[at + c] * job.out[at + c];
    }
    return quad_sum(sum);
}

template <int DIM> __global__ __launch_bounds__(THREADS) void query_grad_kernel(GradJob job)
{
    DYNAMIC_SHARED(float, shared);
    constexpr int ROWS = TILE * (DIM + 1);
    float *q = shared, *d = q + ROWS, *k = d + ROWS, *v = k + ROWS, *ds = v + ROWS;
    int row = threadIdx.x / QUAD, quad = threadIdx.x % QUAD;
    int64_t tiles = pieces(job.time, TILE), i0 = (tiles - 1 - blockIdx.x % tiles) * TILE, i = i0 + row;
    int64_t h = blockIdx.x / tiles % job.heads, b = blockIdx.x / tiles / job.heads;
    int64_t n = job.head_dim, ld = (job.heads + 2 * job.kv_heads) * n, kv = h / (job.heads / job.kv_heads);
    const float *base = job.qkv + b * job.time * ld;
    load_rows<DIM>(base + h * n, ld, i0, job.time, job.head_dim, job.scale, q);
    load_rows<DIM>(job.dout + (b * job.time * job.heads + h) * n, job.heads * n, i0, job.time, job.head_dim, 1, d);
    float delta = row_delta(job, b, h, i, quad), lse = i < job.time ? job.lse[(b * job.heads + h) * job.time + i] : 0;
    float sum[DIM / QUAD] = {};
    for (int64_t k0 = 0; k0 <= i0; k0 += TILE) {
        load_rows<DIM>(base + (job.heads + kv) * n, ld, k0, job.time, job.head_dim, 1, k);
        load_rows<DIM>(base + (job.heads + job.kv_heads + kv) * n, ld, k0, job.time, job.head_dim, 1, v);
        __syncthreads();
        float score[TILE / QUAD], dp[TILE / QUAD];
        dots<DIM>(q + row * (DIM + 1), k, quad, score);
        dots<DIM>(d + row * (DIM + 1), v, quad, dp);
        for (int j = 0; j < TILE / QUAD; j++) {
            bool seen = k0 + QUAD * j + quad <= i && i < job.time;
            ds[row * (TILE + 1) + QUAD * j + quad] = seen ? expf(score[j] - lse) * (dp[j] - delta) : 0;
        }
        __syncwarp();
        weighted<DIM>(ds + row * (TILE + 1), 1, 0, i - k0 + 1, k, quad, sum);
        __syncthreads();
    }
    if (i >= job.time) return;
    float *to = job.dqkv + (b * job.time + i) * ld + h * n;
    for (int e = 0; e < DIM / QUAD; e++)
        if (QUAD * e + quad < job.head_dim) to[QUAD * e + quad] = job.scale * sum[e];
}

template <int DIM> __global__ __launch_bounds__(THREADS) void key_grad_kernel(GradJob job)
{
    DYNAMIC_SHARED(float, shared);
    constexpr int ROWS = TILE * (DIM + 1);
    float *q = shared, *d = q + ROWS, *k = d + ROWS, *v = k + ROWS, *p = v + ROWS, *ds = p + TILE * (TILE + 1);
    int row = threadIdx.x / QUAD, quad = threadIdx.x % QUAD;
    int64_t tiles = pieces(job.time, TILE), k0 = blockIdx.x % tiles * TILE;
    int64_t kv = blockIdx.x / tiles % job.kv_heads, b = blockIdx.x / tiles / job.kv_heads, group = job.heads / job.kv_heads;
    int64_t n = job.head_dim, ld = (job.heads + 2 * job.kv_heads) * n;
    const float *base = job.qkv + b * job.time * ld;
    load_rows<DIM>(base + (job.heads + kv) * n, ld, k0, job.time, job.head_dim, 1, k);
    load_rows<DIM>(base + (job.heads + job.kv_heads + kv) * n, ld, k0, job.time, job.head_dim, 1, v);
    float dk[DIM / QUAD] = {}, dv[DIM / QUAD] = {};
    for (int64_t h = kv * group; h < (kv + 1) * group; h++)
        for (int64_t i0 = k0; i0 < job.time; i0 += TILE) {
            int64_t i = i0 + row;
            __syncthreads();
            load_rows<DIM>(base + h * n, ld, i0, job.time, job.head_dim, job.scale, q);
            load_rows<DIM>(job.dout + (b * job.time * job.heads + h) * n, job.heads * n, i0, job.time, job.head_dim, 1, d);
            float delta = row_delta(job, b, h, i, quad), lse = i < job.time ? job.lse[(b * job.heads + h) * job.time + i] : 0;
            __syncthreads();
            float score[TILE / QUAD], dp[TILE / QUAD];
            dots<DIM>(q + row * (DIM + 1), k, quad, score);
            dots<DIM>(d + row * (DIM + 1), v, quad, dp);
            for (int j = 0; j < TILE / QUAD; j++) {
                bool seen = k0 + QUAD * j + quad <= i && i < job.time;
                float x = seen ? expf(score[j] - lse) : 0;
                p[row * (TILE + 1) + QUAD * j + quad] = x;
                ds[row * (TILE + 1) + QUAD * j + quad] = seen ? x * (dp[j] - delta) : 0;
            }
            __syncthreads();
            /* From here on the thread's row is one of the tile's keys. */
            weighted<DIM>(p + row, TILE + 1, k0 + row - i0, TILE, d, quad, dv);
            weighted<DIM>(ds + row, TILE + 1, k0 + row - i0, TILE, q, quad, dk);
        }
    int64_t key = k0 + row;
    if (key >= job.time) return;
    float *dk_to = job.dqkv + (b * job.time + key) * ld + (job.heads + kv) * n, *dv_to = dk_to + job.kv_heads * n;
    for (int e = 0; e < DIM / QUAD; e++)
        if (QUAD * e + quad < job.head_dim) {
            dk_to[QUAD * e + quad] = dk[e];
            dv_to[QUAD * e + quad] = dv[e];
        }
}

int32_t device_attention_grad(rondo_stream *s, int32_t type, const void *qkv, const void *out, const float *lse, const void *dout,
    int64_t batch, int64_t time, int64_t heads, int64_t kv_heads, int64_t head_dim, float scale, float *, void *dqkv)
{
    LIMIT(type == RONDO_F32, "rondo_attention_grad: bf16 is not there yet, expected f32");
    GradJob job = {(const float *) qkv, (const float *) out, lse, (const float *) dout, time, heads, kv_heads, (int) head_dim, scale, (float *) dqkv};
    unsigned tiles = (unsigned) pieces(time, TILE);
    with_dim(head_dim, [&](auto dim) {
        constexpr int DIM = decltype(dim)::value;
        int bytes = (4 * TILE * (DIM + 1) + TILE * (TILE + 1)) * (int) sizeof(float);
        cudaFuncSetAttribute(query_grad_kernel<DIM>, cudaFuncAttributeMaxDynamicSharedMemorySize, bytes);
        LAUNCH(query_grad_kernel<DIM>, (unsigned) (tiles * heads * batch), THREADS, bytes, s->stream, job);
        bytes += TILE * (TILE + 1) * (int) sizeof(float);
        cudaFuncSetAttribute(key_grad_kernel<DIM>, cudaFuncAttributeMaxDynamicSharedMemorySize, bytes);
        LAUNCH(key_grad_kernel<DIM>, (unsigned) (tiles * kv_heads * batch), THREADS, bytes, s->stream, job);
    });
    return launched(s, "rondo_attention_grad");
}
