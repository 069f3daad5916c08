/*
 * flash_forward.cuh: causal grouped-query attention in bf16 on tensor cores, forward (FlashAttention-2, arXiv 2307.08691).
 *
 * A block owns 128 queries of one head, each of its four warps 32 of them, which halves what a product reads from shared memory
 * against 16. Keys and values come in tiles of 64 through a ring of three: while one is multiplied the next two are on their way. Scores,
 * probabilities, the running maximum and sum, and the output stay in registers; the scale is folded into the exponent, base 2.
 * Tiles above the diagonal are not read, and a warp leaves out those above its own rows.
 *
 * Limits: head_dim a multiple of 8 up to 128, rows on 16 bytes, scale above 0.
 */
#ifndef RONDO_CUDA_FLASH_FORWARD_CUH
#define RONDO_CUDA_FLASH_FORWARD_CUH

#include "flash.cuh"

template <int DIM> struct ForwardShape {
    static constexpr int WARPS = 4, THREADS = WARPS * WARP, ROWS = 32, QUERIES = WARPS * ROWS, KEYS = 64, BLOCKS = DIM <= 64 ? 3 : 2;
    static constexpr int BYTES = (QUERIES + 3 * KEYS) * DIM * (int) sizeof(uint16_t);
};

/* Over all elements of a tile, by all threads of the block. */
template <int SIZE, int THREADS> __device__ __forceinline__ unsigned any_nonfinite(const uint16_t *tile)
{
    unsigned bad = 0;
#pragma unroll 2
    for (int i = 8 * threadIdx.x; i < SIZE; i += 8 * THREADS) {
        uint4 x = load_as<uint4>(tile + i);
        bad |= nonfinite(x.x) | nonfinite(x.y) | nonfinite(x.z) | nonfinite(x.w);
    }
    return bad;
}
template <int SIZE, int THREADS> __device__ __forceinline__ void clear_nonfinite(uint16_t *tile)
{
#pragma unroll 1
    for (int i = 8 * threadIdx.x; i < SIZE; i += 8 * THREADS) {
        uint4 x = load_as<uint4>(tile + i);
        store_as(tile + i, uint4{finite_part(x.x), finite_part(x.y), finite_part(x.z), finite_part(x.w)});
    }
}

/* o += what is not finite among the values of tile v that each row sees; position of tile's first key, and of the thread's rows. */
template <int DIM, int KEYS>
__device__ __forceinline__ void add_nonfinite(float (&o)[2][DIM / 8][4], const uint16_t *v, int first_key, int first_row)
{
    int lane = lane_of();
#pragma unroll 1
    for (int j = 0; j < KEYS; j++)
#pragma unroll
        for (int n = 0; n < DIM / 8; n++) {
            unsigned pair = load_as<unsigned>(v + chunk_at<DIM>(j, n) + lane % 4 * 2), bad = nonfinite(pair);
#pragma unroll
            for (int row = 0; row < 4; row++)
                if (first_key + j <= first_row + 8 * row) {
                    if (bad & 0x8000u) o[row / 2][n][row % 2 * 2] += low(pair);
                    if (bad & 0x80000000u) o[row / 2][n][row % 2 * 2 + 1] += high(pair);
                }
        }
}

template <int DIM>
__global__ __launch_bounds__(ForwardShape<DIM>::THREADS, ForwardShape<DIM>::BLOCKS) void flash_kernel(AttentionJob<uint16_t> job)
{
    using Shape = ForwardShape<DIM>;
    constexpr int QUERIES = Shape::QUERIES, KEYS = Shape::KEYS, THREADS = Shape::THREADS;
    DYNAMIC_SHARED(uint16_t, q);
    uint16_t *k = q + QUERIES * DIM, *v = k + KEYS * DIM, *spare = v + KEYS * DIM;
    int tiles = (int) pieces(job.time, QUERIES), n = job.head_dim, start;
    Place place = place_of(tiles, job.heads, job.batch, job.section);
    int i0 = (tiles - 1 - place.tile) * QUERIES, b = place.sequence, h = place.head, kv = h / (job.heads / job.kv_heads);
    if (!standing(job, b, start)) return;
    int seen = start + (int) lesser(i0 + QUERIES, job.time);
    const uint16_t *from = job.k + b * job.kv_step + kv * n;
    load_tile<DIM, QUERIES, THREADS>(q, job.q + b * job.q_step + i0 * job.q_ld + h * n, job.q_ld, job.time - i0, n);
    load_tile<DIM, KEYS, THREADS>(k, from, job.kv_ld, seen, n);
    copy_commit();
    load_tile<DIM, KEYS, THREADS>(v, from + (job.v - job.k), job.kv_ld, seen, n);
    copy_commit();
    int warp = warp_of(), lane = lane_of();
    /* Positions of the warp's last row, -1 where it has none, and of the thread's first. */
    int last = i0 + warp * Shape::ROWS < job.time ? start + i0 + (warp + 1) * Shape::ROWS - 1 : -1;
    int mine = start + i0 + warp * Shape::ROWS + lane / 4;
    uint16_t *rows = q + warp * Shape::ROWS * DIM;
    float factor = job.scale * LOG2_E, o[2][DIM / 8][4] = {}, top[2][2], total[2][2] = {};
    for (int m = 0; m < 2; m++) top[m][0] = top[m][1] = -INFINITY;
#pragma unroll 1
    for (int k0 = 0; k0 < seen; k0 += KEYS) {
        bool more = k0 + KEYS < seen;
        copy_wait<1>();
        __syncthreads();
        if (more) load_tile<DIM, KEYS, THREADS>(spare, from + (k0 + KEYS) * job.kv_ld, job.kv_ld, seen - k0 - KEYS, n);
        copy_commit();
        unsigned p[2][KEYS / 16][4] = {};
        if (k0 <= last) {
            float s[2][KEYS / 8][4] = {};
            multiply_rows<DIM, 1>(s, rows, k);
            if (k0 + KEYS > last - Shape::ROWS + 2) {
                int past = mine - k0 - lane_of() % 4 * 2;
#pragma unroll
                for (int m = 0; m < 2; m++)
#pragma unroll
                    for (int c = 0; c < KEYS / 8; c++)
#pragma unroll
                        for (int e = 0; e < 4; e++)
                            if (8 * c + e % 2 - 16 * m - e / 2 * 8 > past) s[m][c][e] = -INFINITY;
            }
#pragma unroll
            for (int m = 0; m < 2; m++)
#pragma unroll
                for (int half = 0; half < 2; half++) {
                    float best = top[m][half], sum = 0;
#pragma unroll
                    for (int c = 0; c < KEYS / 8; c++) best = fmaxf(best, fmaxf(s[m][c][2 * half], s[m][c][2 * half + 1]));
                    best = quad_max(best);
                    /* A row of which all scores so far are minus infinity. */
                    float base = best == -INFINITY ? 0 : best * factor, shrink = exp2_approximate(top[m][half] * factor - base);
                    top[m][half] = best;
#pragma unroll
                    for (int c = 0; c < KEYS / 8; c++)
#pragma unroll
                        for (int e = 2 * half; e < 2 * half + 2; e++) {
                            s[m][c][e] = exp2_approximate(s[m][c][e] * factor - base);
                            sum += s[m][c][e];
                        }
                    total[m][half] = total[m][half] * shrink + sum;
#pragma unroll
                    for (int c = 0; c < DIM / 8; c++)
#pragma unroll
                        for (int e = 2 * half; e < 2 * half + 2; e++) o[m][c][e] *= shrink;
                }
            pack(p, s);
        }
        copy_wait<1>();
        __syncthreads();
        /* Perhaps not every query of the block sees all of these values: what is not finite must not be weighed with 0. */
        if (k0 + KEYS > seen - QUERIES + 1 && __syncthreads_or(any_nonfinite<KEYS * DIM, THREADS>(v))) {
            add_nonfinite<DIM, KEYS>(o, v, k0, mine);
            __syncthreads();
            clear_nonfinite<KEYS * DIM, THREADS>(v);
            __syncthreads();
        }
        if (more) load_tile<DIM, KEYS, THREADS>(k, from + (job.v - job.k) + (k0 + KEYS) * job.kv_ld, job.kv_ld, seen - k0 - KEYS, n);
        copy_commit();
        /* A warp that left the tile out weighs it with zeros: to branch here costs registers. */
        multiply_columns<DIM>(o, p, v);
        uint16_t *used = v;
        v = k;
        k = spare;
        spare = used;
    }
    int row = i0 + warp * Shape::ROWS;
    int64_t head = (int64_t) b * job.heads + h, ld = (int64_t) job.heads * n;
    float share[2][2];
#pragma unroll
    for (int m = 0; m < 2; m++)
#pragma unroll
        for (int half = 0; half < 2; half++) {
            float sum = quad_sum(total[m][half]);
            share[m][half] = 1 / sum;
            int i = row + 16 * m + 8 * half + lane / 4;
            if (job.lse && lane % 4 == 0 && i < job.time) job.lse[head * job.time + i] = top[m][half] * job.scale + logf(sum);
        }
    uint16_t *to = job.out + ((int64_t) b * job.time + row) * ld + h * n;
    store_rows<DIM>(o, share, rows, to, ld, job.time - row, n);
}

#endif
