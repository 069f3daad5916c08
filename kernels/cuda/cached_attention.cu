/*
 * cached_attention.cu: appends keys and values to a cache, and attends to it.
 *
 * Where a sequence stands is read from the device, so that a captured decode step follows it. A block takes one query of one head: its
 * four warps go over the seen slots, a slot a warp at a time, each with its own running maximum and sum, and meet at the end.
 * Bound by memory: the seen part of the cache once per query head of a group. Limit: head_dim at most MOST_HEAD_DIM.
 */
#include "device.h"

constexpr int WARPS = 4, THREADS = WARPS * WARP, MOST_HEAD_DIM = 1024, HELD = MOST_HEAD_DIM / WARP;


__global__ void append_kernel(const float *qkv, const int32_t *start, int64_t time, int64_t width, int64_t values, int64_t capacity,
    float *cache, Refusal *refusal)
{
    int64_t row = blockIdx.x, b = row / time, t = row % time;
    int first = start[b];
    if (first < 0 || first + time > capacity) {
        if (threadIdx.x == 0) refuse(refusal, CHECK_CACHE_APPEND, b, first, capacity - time);
        return;
    }
    const float *from = qkv + row * width + width - values;
    float *to = cache + (b * capacity + first + t) * values;
    for (int64_t i = threadIdx.x; i < values; i += THREADS) to[i] = from[i];
}

int32_t device_cache_append(rondo_stream *s, int32_t type, const void *qkv, const int32_t *start, int64_t batch, int64_t time, int64_t heads,
    int64_t kv_heads, int64_t head_dim, int64_t capacity, void *cache)
{
    LIMIT(type == RONDO_F32, "rondo_cache_append: bf16 is not there yet, expected f32");
    const float *from = (const float *) qkv;
    float *to = (float *) cache;
    int64_t width = (heads + 2 * kv_heads) * head_dim, values = 2 * kv_heads * head_dim;
    Refusal *refusal = s->refusal;
    LAUNCH(append_kernel, (unsigned) (batch * time), THREADS, 0, s->stream, from, start, time, width, values, capacity, to, refusal);
    return launched(s, "rondo_cache_append");
}

struct CachedJob {
    const float *qkv, *cache;
    const int32_t *start;
    int64_t time, heads, kv_heads, head_dim, capacity;
    float scale;
    float *out;
    Refusal *refusal;
};

__global__ void cached_attention_kernel(CachedJob job)
{
    SHARED_ARRAY(float, tops, WARPS);
    SHARED_ARRAY(float, totals, WARPS);
    DYNAMIC_SHARED(float, sums);
    int64_t n = job.head_dim, h = blockIdx.x % job.heads, row = blockIdx.x / job.heads, b = row / job.time, t = row % job.time;
    int lane = threadIdx.x % WARP, warp = threadIdx.x / WARP, first = job.start[b];
    if (first < 0 || first + job.time > job.capacity) {
        if (threadIdx.x == 0) refuse(job.refusal, CHECK_CACHED_ATTENTION, b, first, job.capacity - job.time);
        return;
    }
    int64_t slot = 2 * job.kv_heads * n, kv = h / (job.heads / job.kv_heads);
    const float *q = job.qkv + row * (job.heads + 2 * job.kv_heads) * n + h * n;
    const float *keys = job.cache + b * job.capacity * slot + kv * n, *values = keys + job.kv_heads * n;
    float query[HELD], sum[HELD];
    for (int e = 0; e < HELD; e++) {
        query[e] = e * WARP + lane < n ? job.scale * q[e * WARP + lane] : 0;
        sum[e] = 0;
    }
    float top = -INFINITY, total = 0;
    for (int64_t j = warp; j <= first + t; j += WARPS) {
        const float *k = keys + j * slot, *v = values + j * slot;
        float score = 0;
        for (int e = 0; e < HELD; e++)
            if (e * WARP + lane < n) score += query[e] * k[e * WARP + lane];
        score = warp_sum(score);
        float best = fmaxf(top, score), shrink = expf(top - best), weight = expf(score - best);
        total = total * shrink + weight;
        top = best;
        for (int e = 0; e < HELD; e++)
            if (e * WARP + lane < n) sum[e] = sum[e] * shrink + weight * v[e * WARP + lane];
    }
    if (lane == 0) {
        tops[warp] = top;
        totals[warp] = total;
    }
    for (int e = 0; e < HELD; e++)
        if (e * WARP + lane < n) sums[warp * n + e * WARP + lane] = sum[e];
    __syncthreads();
    float best = tops[0], all = 0;
    for (int w = 1; w < WARPS; w++) best = fmaxf(best, tops[w]);
    for (int w = 0; w < WARPS; w++) all += totals[w] * expf(tops[w] - best);
    for (int64_t i = threadIdx.x; i < n; i += THREADS) {
        float value = 0;
        for (int w = 0; w < WARPS; w++) value += sums[w * n + i] * expf(tops[w] - best);
        job.out[row * job.heads * n + h * n + i] = value / all;
    }
}

int32_t device_cached_attention(rondo_stream *s, int32_t type, const void *qkv, const void *cache, const int32_t *start, int64_t batch,
    int64_t time, int64_t heads, int64_t kv_heads, int64_t head_dim, int64_t capacity, float scale, void *out)
{
    LIMIT(type == RONDO_F32, "rondo_cached_attention: bf16 is not there yet, expected f32");
    CachedJob job = {(const float *) qkv, (const float *) cache, start, time, heads, kv_heads, head_dim, capacity, scale, (float *) out, s->refusal};
    size_t bytes = (size_t) (WARPS * head_dim) * sizeof(float);
    LAUNCH(cached_attention_kernel, (unsigned) (batch * time * heads), THREADS, bytes, s->stream, job);
    return launched(s, "rondo_cached_attention");
}
