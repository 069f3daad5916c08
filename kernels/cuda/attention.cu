/*
 * attention.cu: causal grouped-query attention in f32, forward: out = softmax(scale * q k^T) v, lse = log sum exp.
 *
 * A block is a tile of queries of one head; it walks over tiles of keys up to the diagonal with a running maximum and sum (online
 * softmax, arXiv 1805.02867; FlashAttention, arXiv 2205.14135). Nothing of time x time exists. The parity kernel: ordinary
 * multiply-adds from shared memory. Limit: head_dim at most MOST_HEAD_DIM.
 */
#include "attention.cuh"

struct AttentionJob {
    const float *qkv;
    int64_t time, heads, kv_heads;
    int head_dim;
    float scale;
    float *out, *lse;
};

template <int DIM> __global__ __launch_bounds__(THREADS) void attention_kernel(AttentionJob job)
{
    DYNAMIC_SHARED(float, shared);
    float *q = shared, *k = q + TILE * (DIM + 1), *v = k + TILE * (DIM + 1), *p = v + TILE * (DIM + 1);
    int row = threadIdx.x / QUAD, quad = threadIdx.x % QUAD;
    int64_t tiles = pieces(job.time, TILE), i0 = (tiles - 1 - blockIdx.x % tiles) * TILE;
    int64_t h = blockIdx.x / tiles % job.heads, b = blockIdx.x / tiles / job.heads;
    int64_t n = job.head_dim, ld = (job.heads + 2 * job.kv_heads) * n, kv = h / (job.heads / job.kv_heads), i = i0 + row;
    const float *base = job.qkv + b * job.time * ld;
    load_rows<DIM>(base + h * n, ld, i0, job.time, job.head_dim, job.scale, q);
    float top = -INFINITY, total = 0, sum[DIM / QUAD] = {};
    for (int64_t k0 = 0; k0 <= i0; k0 += TILE) {
        load_rows<DIM>(base + (job.heads + kv) * n, ld, k0, job.time, job.head_dim, 1, k);
        load_rows<DIM>(base + (job.heads + job.kv_heads + kv) * n, ld, k0, job.time, job.head_dim, 1, v);
        __syncthreads();
        float score[TILE / QUAD];
        dots<DIM>(q + row * (DIM + 1), k, quad, score);
        float best = top;
        for (int j = 0; j < TILE / QUAD; j++) {
            /* Rows beyond the end see their own tile's first key, so that no maximum stays at minus infinity. */
            if (k0 + QUAD * j + quad > i) score[j] = -INFINITY;
            best = fmaxf(best, score[j]);
        }
        best = quad_max(best);
        float shrink = expf(top - best), part = 0;
        for (int j = 0; j < TILE / QUAD; j++) {
            float x = expf(score[j] - best);
            part += x;
            p[row * (TILE + 1) + QUAD * j + quad] = x;
        }
        total = total * shrink + quad_sum(part);
        top = best;
        for (int e = 0; e < DIM / QUAD; e++) sum[e] *= shrink;
        __syncwarp();
        weighted<DIM>(p + row * (TILE + 1), 1, 0, i - k0 + 1, v, quad, sum);
        __syncthreads();
    }
    if (i >= job.time) return;
    float *to = job.out + (b * job.time + i) * job.heads * n + h * n;
    for (int e = 0; e < DIM / QUAD; e++)
        if (QUAD * e + quad < job.head_dim) to[QUAD * e + quad] = sum[e] / total;
    if (job.lse && quad == 0) job.lse[(b * job.heads + h) * job.time + i] = top + logf(total);
}

int32_t device_attention(rondo_stream *s, int32_t type, const void *qkv, int64_t batch, int64_t time, int64_t heads, int64_t kv_heads,
    int64_t head_dim, float scale, void *out, float *lse)
{
    LIMIT(type == RONDO_F32, "rondo_attention: bf16 is not there yet, expected f32");
    AttentionJob job = {(const float *) qkv, time, heads, kv_heads, (int) head_dim, scale, (float *) out, lse};
    unsigned blocks = (unsigned) (pieces(time, TILE) * heads * batch);
    with_dim(head_dim, [&](auto dim) {
        constexpr int DIM = decltype(dim)::value;
        int bytes = (3 * TILE * (DIM + 1) + TILE * (TILE + 1)) * (int) sizeof(float);
        cudaFuncSetAttribute(attention_kernel<DIM>, cudaFuncAttributeMaxDynamicSharedMemorySize, bytes);
        LAUNCH(attention_kernel<DIM>, blocks, THREADS, bytes, s->stream, job);
    });
    return launched(s, "rondo_attention");
}
