/*
 * attention.cu: causal grouped-query attention, forward: out = softmax(scale * q k^T) v, lse = log sum exp.
 *
 * A block is a tile of queries of one head; it walks over tiles of keys up to the diagonal with a running maximum and sum (online
 * softmax, arXiv 1805.02867; FlashAttention, arXiv 2205.14135). Nothing of time x time exists. In bf16 flash_forward.cuh does it on
 * tensor cores where its limits hold; everything else is done here by ordinary multiply-adds in f32 from shared memory.
 */
#include "flash_forward.cuh"

template <int DIM, class T> __global__ __launch_bounds__(THREADS) void attention_kernel(AttentionJob<T> job)
{
    DYNAMIC_SHARED(float, shared);
    float *q = shared, *k = q + TILE * (DIM + 1), *v = k + TILE * (DIM + 1), *p = v + TILE * (DIM + 1);
    int row = threadIdx.x / QUAD, quad = threadIdx.x % QUAD, tiles = (int) pieces(job.time, TILE), n = job.head_dim, start;
    Place place = place_of(tiles, job.heads, job.batch, job.section);
    int i0 = (tiles - 1 - place.tile) * TILE, b = place.sequence, h = place.head, kv = h / (job.heads / job.kv_heads);
    if (!standing(job, b, start)) return;
    int seen = start + (int) lesser(i0 + TILE, job.time), position = start + i0 + row;
    const T *from_k = job.k + b * job.kv_step + kv * n, *from_v = job.v + b * job.kv_step + kv * n;
    load_rows<DIM>(job.q + b * job.q_step + h * n, job.q_ld, i0, job.time, n, job.scale, q);
    float top = -INFINITY, total = 0, sum[DIM / QUAD] = {};
    for (int k0 = 0; k0 < seen; k0 += TILE) {
        load_rows<DIM>(from_k, job.kv_ld, k0, seen, n, 1, k);
        load_rows<DIM>(from_v, job.kv_ld, k0, seen, n, 1, v);
        __syncthreads();
        float score[TILE / QUAD];
        dots<DIM>(q + row * (DIM + 1), k, quad, score);
        float best = top;
        for (int j = 0; j < TILE / QUAD; j++) {
            /* Every row, also one beyond the end, sees the first key, so that no maximum stays at minus infinity. */
            if (k0 + QUAD * j + quad > position) score[j] = -INFINITY;
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
        weighted<DIM>(p + row * (TILE + 1), 1, 0, position - k0 + 1, v, quad, sum);
        __syncthreads();
    }
    if (i0 + row >= job.time) return;
    T *to = job.out + (((int64_t) b * job.time + i0 + row) * job.heads + h) * n;
    for (int e = 0; e < DIM / QUAD; e++)
        if (QUAD * e + quad < n) put(to + QUAD * e + quad, sum[e] / total);
    if (job.lse && quad == 0) job.lse[((int64_t) b * job.heads + h) * job.time + i0 + row] = top + logf(total);
}

template <class T> static void attend_on_ordinary_cores(rondo_stream *s, AttentionJob<T> job)
{
    with_dim(job.head_dim, [&](auto dim) {
        constexpr int DIM = decltype(dim)::value;
        int bytes = (3 * TILE * (DIM + 1) + TILE * (TILE + 1)) * (int) sizeof(float);
        unsigned blocks = (unsigned) (pieces(job.time, TILE) * job.heads * job.batch);
        LAUNCH_WIDE((attention_kernel<DIM, T>), blocks, THREADS, bytes, s->stream, job);
    });
}

static bool fits_tensor_cores(const AttentionJob<uint16_t> &job)
{
    return fits_tiles(job.head_dim, job.scale) && aligned16(job.q, job.k, job.v, job.out);
}

template <class T> void attend(rondo_stream *s, AttentionJob<T> job)
{
    int64_t keys = job.start ? job.capacity : job.time;
    job.section = section_of(job.heads, job.batch, job.heads / job.kv_heads, 2 * keys * job.head_dim * (int64_t) sizeof(T));
    if constexpr (sizeof(T) == sizeof(uint16_t))
        if (fits_tensor_cores(job)) {
            with_tile(job.head_dim, [&](auto dim) {
                using Shape = ForwardShape<decltype(dim)::value>;
                unsigned blocks = (unsigned) (pieces(job.time, Shape::QUERIES) * job.heads * job.batch);
                LAUNCH_WIDE(flash_kernel<decltype(dim)::value>, blocks, Shape::THREADS, Shape::BYTES, s->stream, job);
            });
            return;
        }
    attend_on_ordinary_cores(s, job);
}
template void attend(rondo_stream *, AttentionJob<float>);
template void attend(rondo_stream *, AttentionJob<uint16_t>);

int32_t device_attention(rondo_stream *s, int32_t type, const void *qkv, int64_t batch, int64_t time, int64_t heads, int64_t kv_heads,
    int64_t head_dim, float scale, void *out, float *lse)
{
    by_type(type, [&](auto element) {
        using T = decltype(element);
        const T *q = (const T *) qkv, *k = q + heads * head_dim, *v = k + kv_heads * head_dim;
        int64_t ld = (heads + 2 * kv_heads) * head_dim;
        attend(s, AttentionJob<T>{q, k, v, ld, time * ld, ld, time * ld, nullptr, 0, (int) time, (int) heads, (int) kv_heads,
            (int) head_dim, scale, (T *) out, lse, nullptr, (int) batch, 0});
    });
    return launched(s, "rondo_attention");
}
