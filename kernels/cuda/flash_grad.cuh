/*
 * flash_grad.cuh: gradient of causal grouped-query attention in bf16 on tensor cores, without atomics (FlashAttention-2, arXiv
 * 2307.08691, algorithm 2, cut in two).
 *
 * A block of key_grad_flash owns 128 keys and values and walks over the queries of its group, 64 at a time and the next 64 on their way:
 * it computes scores with keys as rows, so that probabilities and their gradients are, in the registers where they arise, the weights
 * of dv += P^T dout and dk += dS^T q. A block of query_grad_flash owns 128 queries and walks over the keys: dq += dS k. Scores are
 * thus computed twice, 7 products where atomics would allow 5, and every sum has one owner and one order.
 *
 * P is rounded to bf16 before it weighs and before dS. What is not finite spreads from a token to those in its tiles.
 * Limits: those of flash_forward.cuh.
 */
#ifndef RONDO_CUDA_FLASH_GRAD_CUH
#define RONDO_CUDA_FLASH_GRAD_CUH

#include "flash.cuh"

template <class T> struct GradJob {
    const T *qkv, *dout;
    const float *lse, *delta;
    int batch, time, heads, kv_heads, head_dim;
    float scale;
    T *dqkv;
    int section;
    __host__ __device__ int64_t ld() const { return (int64_t) (heads + 2 * kv_heads) * head_dim; }
};

/* dS, packed: P times what dp holds, which is dP - delta. */
template <int M, int N> __device__ __forceinline__ void weigh(unsigned (&p)[M][N / 2][4], const float (&dp)[M][N][4])
{
#pragma unroll
    for (int m = 0; m < M; m++)
#pragma unroll
        for (int n = 0; n < N; n++)
#pragma unroll
            for (int half = 0; half < 2; half++) {
                unsigned &pair = p[m][n / 2][n % 2 * 2 + half];
                pair = narrow2(low(pair) * dp[m][n][2 * half], high(pair) * dp[m][n][2 * half + 1]);
            }
}

template <int DIM> struct KeyGradShape {
    static constexpr int ROWS = DIM <= 64 ? 32 : 16, KEYS = 128, QUERIES = 64, THREADS = KEYS / ROWS * WARP, BLOCKS = DIM <= 64 ? 2 : 1;
    static constexpr int STAGE = 2 * QUERIES * DIM;
    static constexpr int BYTES = (2 * KEYS * DIM + 2 * STAGE) * (int) sizeof(uint16_t) + 4 * QUERIES * (int) sizeof(float);
};

template <int DIM>
__global__ __launch_bounds__(KeyGradShape<DIM>::THREADS, KeyGradShape<DIM>::BLOCKS) void key_grad_flash(GradJob<uint16_t> job)
{
    using Shape = KeyGradShape<DIM>;
    constexpr int KEYS = Shape::KEYS, QUERIES = Shape::QUERIES, THREADS = Shape::THREADS, ROWS = Shape::ROWS;
    constexpr int M = ROWS / 16, N = QUERIES / 8;
    DYNAMIC_SHARED(uint16_t, k);
    uint16_t *v = k + KEYS * DIM, *stages = v + KEYS * DIM;
    float *statistics = reinterpret_cast<float *>(stages + 2 * Shape::STAGE);
    int tiles = (int) pieces(job.time, KEYS), n = job.head_dim, group = job.heads / job.kv_heads;
    Place place = place_of(tiles, job.kv_heads, job.batch, job.section);
    int key0 = place.tile * KEYS, b = place.sequence, h = place.head * group, last_head = h + group;
    int64_t ld = job.ld(), out_ld = (int64_t) job.heads * n;
    const uint16_t *from = job.qkv + b * job.time * ld + key0 * ld + (job.heads + place.head) * n;
    load_tile<DIM, KEYS, THREADS>(k, from, ld, job.time - key0, n);
    load_tile<DIM, KEYS, THREADS>(v, from + job.kv_heads * n, ld, job.time - key0, n);
    auto load_stage = [&](int stage, int h, int i0) {
        uint16_t *q = stages + stage * Shape::STAGE;
        float *lse = statistics + stage * 2 * QUERIES;
        int64_t row = (int64_t) b * job.time + i0, i = ((int64_t) b * job.heads + h) * job.time + i0;
        load_tile<DIM, QUERIES, THREADS>(q, job.qkv + row * ld + h * n, ld, job.time - i0, n);
        load_tile<DIM, QUERIES, THREADS>(q + QUERIES * DIM, job.dout + row * out_ld + h * n, out_ld, job.time - i0, n);
        int thread = thread_of(), t = thread % QUERIES;
        if (thread < 2 * QUERIES) copy4_async(lse + thread, (thread < QUERIES ? job.lse : job.delta) + i + t, i0 + t < job.time);
    };
    load_stage(0, h, key0);
    copy_commit();
    float factor = job.scale * LOG2_E, dk[M][DIM / 8][4] = {}, dv[M][DIM / 8][4] = {};
    int stage = 0, i0 = key0;
#pragma unroll 1
    while (h < last_head) {
        int next_h = h, next_i0 = i0 + QUERIES;
        if (next_i0 >= job.time) {
            next_i0 = key0;
            next_h++;
        }
        copy_wait<0>();
        __syncthreads();
        if (next_h < last_head) load_stage(1 - stage, next_h, next_i0);
        copy_commit();
        const uint16_t *q = stages + stage * Shape::STAGE, *dout = q + QUERIES * DIM;
        const float *lse = statistics + stage * 2 * QUERIES + lane_of() % 4 * 2, *delta = lse + QUERIES;
        int first = key0 + warp_of() * ROWS;
        if (i0 + QUERIES > first) {
            unsigned p[M][N / 2][4];
            {
                float s[M][N][4] = {};
                multiply_rows<DIM, DIM == 64 ? 4 : 2>(s, k + warp_of() * ROWS * DIM, q);
                /* Of a query column less a key row; those that do not see it are masked. */
                int past = i0 + lane_of() % 4 * 2 - first - lane_of() / 4;
                bool masked = i0 < first + ROWS - 1;
#pragma unroll
                for (int c = 0; c < N; c++) {
                    float2 base = load_as<float2>(lse + 8 * c);
#pragma unroll
                    for (int m = 0; m < M; m++)
#pragma unroll
                        for (int e = 0; e < 4; e++) {
                            float x = exp2_approximate(s[m][c][e] * factor - (e % 2 ? base.y : base.x) * LOG2_E);
                            s[m][c][e] = masked && past < 16 * m + e / 2 * 8 - 8 * c - e % 2 ? 0 : x;
                        }
                }
                pack(p, s);
            }
            multiply_columns<DIM>(dv, p, dout);
            float dp[M][N][4];
#pragma unroll
            for (int c = 0; c < N; c++) {
                float2 mean = load_as<float2>(delta + 8 * c);
#pragma unroll
                for (int m = 0; m < M; m++)
#pragma unroll
                    for (int e = 0; e < 4; e++) dp[m][c][e] = e % 2 ? -mean.y : -mean.x;
            }
            multiply_rows<DIM, 2>(dp, v + warp_of() * ROWS * DIM, dout);
            weigh(p, dp);
            multiply_columns<DIM>(dk, p, q);
        }
        stage = 1 - stage;
        h = next_h;
        i0 = next_i0;
    }
    int row = key0 + warp_of() * ROWS;
    uint16_t *to = job.dqkv + ((int64_t) b * job.time + row) * ld + (job.heads + place.head) * n;
    float scales[M][2], ones[M][2];
    for (int m = 0; m < M; m++) scales[m][0] = scales[m][1] = job.scale, ones[m][0] = ones[m][1] = 1;
    store_rows<DIM>(dk, scales, k + warp_of() * ROWS * DIM, to, ld, job.time - row, n);
    store_rows<DIM>(dv, ones, v + warp_of() * ROWS * DIM, to + job.kv_heads * n, ld, job.time - row, n);
}

template <int DIM> struct QueryGradShape {
    static constexpr int WARPS = 4, THREADS = WARPS * WARP, ROWS = 32, QUERIES = WARPS * ROWS, KEYS = 64, BLOCKS = 2;
    static constexpr int BYTES = (2 * QUERIES + 3 * KEYS) * DIM * (int) sizeof(uint16_t) + 2 * QUERIES * (int) sizeof(float);
};

template <int DIM>
__global__ __launch_bounds__(QueryGradShape<DIM>::THREADS, QueryGradShape<DIM>::BLOCKS) void query_grad_flash(GradJob<uint16_t> job)
{
    using Shape = QueryGradShape<DIM>;
    constexpr int QUERIES = Shape::QUERIES, KEYS = Shape::KEYS, THREADS = Shape::THREADS, ROWS = Shape::ROWS;
    constexpr int M = ROWS / 16, N = KEYS / 8;
    DYNAMIC_SHARED(uint16_t, q);
    uint16_t *dout = q + QUERIES * DIM, *v = dout + QUERIES * DIM, *k = v + KEYS * DIM, *spare = k + KEYS * DIM;
    int tiles = (int) pieces(job.time, QUERIES), n = job.head_dim;
    Place place = place_of(tiles, job.heads, job.batch, job.section);
    int i0 = (tiles - 1 - place.tile) * QUERIES, b = place.sequence, h = place.head, kv = h / (job.heads / job.kv_heads);
    int seen = (int) lesser(i0 + QUERIES, job.time), warp = warp_of(), lane = lane_of();
    int64_t ld = job.ld(), out_ld = (int64_t) job.heads * n, row = (int64_t) b * job.time + i0;
    const uint16_t *from = job.qkv + b * job.time * ld + (job.heads + kv) * n;
    load_tile<DIM, QUERIES, THREADS>(q, job.qkv + row * ld + h * n, ld, job.time - i0, n);
    load_tile<DIM, QUERIES, THREADS>(dout, job.dout + row * out_ld + h * n, out_ld, job.time - i0, n);
    load_tile<DIM, KEYS, THREADS>(k, from, ld, seen, n);
    load_tile<DIM, KEYS, THREADS>(v, from + job.kv_heads * n, ld, seen, n);
    /* Both statistics stay in shared memory: registers are dearer. */
    float *lse = reinterpret_cast<float *>(spare + KEYS * DIM), *delta = lse + QUERIES;
    int64_t at = ((int64_t) b * job.heads + h) * job.time + i0 + (int) threadIdx.x;
    static_assert(THREADS == QUERIES);
    copy4_async(lse + threadIdx.x, job.lse + at, i0 + (int) threadIdx.x < job.time);
    copy4_async(delta + threadIdx.x, job.delta + at, i0 + (int) threadIdx.x < job.time);
    copy_commit();
    /* The warp's last row, -1 where it has none, and the thread's first. */
    int last = i0 + warp * ROWS < job.time ? i0 + (warp + 1) * ROWS - 1 : -1, mine = i0 + warp * ROWS + lane / 4;
    float factor = job.scale * LOG2_E, dq[M][DIM / 8][4] = {};
#pragma unroll 1
    for (int k0 = 0; k0 < seen; k0 += KEYS) {
        bool more = k0 + KEYS < seen;
        copy_wait<0>();
        __syncthreads();
        if (more) load_tile<DIM, KEYS, THREADS>(spare, from + (k0 + KEYS) * ld, ld, seen - k0 - KEYS, n);
        copy_commit();
        unsigned p[M][N / 2][4] = {};
        if (k0 <= last) {
            {
                float s[M][N][4] = {};
                multiply_rows<DIM, 2>(s, q + warp_of() * ROWS * DIM, k);
                int past = mine - k0 - lane_of() % 4 * 2;
                bool masked = k0 + KEYS > last - ROWS + 2;
#pragma unroll
                for (int m = 0; m < M; m++)
#pragma unroll
                    for (int half = 0; half < 2; half++) {
                        float base = lse[warp_of() * ROWS + 16 * m + 8 * half + lane_of() / 4] * LOG2_E;
#pragma unroll
                        for (int c = 0; c < N; c++)
#pragma unroll
                            for (int e = 0; e < 2; e++) {
                                float &x = s[m][c][2 * half + e];
                                x = masked && 8 * c + e - 16 * m - 8 * half > past ? 0 : exp2_approximate(x * factor - base);
                            }
                    }
                pack(p, s);
            }
            float dp[M][N][4];
#pragma unroll
            for (int m = 0; m < M; m++)
#pragma unroll
                for (int half = 0; half < 2; half++) {
                    float mean = delta[warp_of() * ROWS + 16 * m + 8 * half + lane_of() / 4];
#pragma unroll
                    for (int c = 0; c < N; c++) dp[m][c][2 * half] = dp[m][c][2 * half + 1] = -mean;
                }
            multiply_rows<DIM, 2>(dp, dout + warp_of() * ROWS * DIM, v);
            weigh(p, dp);
        }
        __syncthreads();
        if (more) load_tile<DIM, KEYS, THREADS>(v, from + job.kv_heads * n + (k0 + KEYS) * ld, ld, seen - k0 - KEYS, n);
        copy_commit();
        /* A warp that left the tile out weighs it with zeros: to branch here costs registers. */
        multiply_columns<DIM>(dq, p, k);
        uint16_t *used = k;
        k = spare;
        spare = used;
    }
    i0 += warp_of() * ROWS;
    float scales[M][2];
    for (int m = 0; m < M; m++) scales[m][0] = scales[m][1] = job.scale;
    uint16_t *to = job.dqkv + ((int64_t) b * job.time + i0) * ld + h * n;
    store_rows<DIM>(dq, scales, q + warp_of() * ROWS * DIM, to, ld, job.time - i0, n);
}

#endif
