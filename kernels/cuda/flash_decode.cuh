/*
 * flash_decode.cuh: a few queries against a long cache: what both decoding kernels share, and the one for bf16 on tensor cores.
 *
 * All queries that read a key head, a group of heads at each of a few times, are rows of one small matrix. A block takes up to 16 of
 * these rows and one span of the keys, and leaves its maximum, sum and weighted values as a partial result (split keys, arXiv
 * 2311.01282). How many splits there are follows from shapes, so that a recorded launch stays right; how long a span is follows from
 * where the sequence stands, so that all blocks have work. Bound by memory: the seen part of the cache is read once per 16 rows.
 *
 * On tensor cores keys and values go from global memory to the fragments of mma by 16-byte loads, without shared memory: a product
 * sums over the head in any order, so a lane takes 8 neighbouring elements where the layout has four pairs, of queries as of keys;
 * values of two keys are paired element by element, and the output's columns are those that this gives.
 */
#ifndef RONDO_CUDA_FLASH_DECODE_CUH
#define RONDO_CUDA_FLASH_DECODE_CUH

#include "flash.cuh"

constexpr int DECODE_WARPS = 4, DECODE_THREADS = DECODE_WARPS * WARP, LEAST_SPAN = 128, MOST_SPLITS = 256;

template <class T> struct DecodeJob {
    const T *qkv, *cache;
    const int32_t *start;
    int batch, time, heads, kv_heads, head_dim, capacity;
    float scale;
    T *out;
    Refusal *refusal;
    int splits;
    /* [batch, time, heads, splits, width] values and [.., 2] maxima and sums: none with one split. */
    float *values, *statistics;

    __host__ __device__ int group() const { return heads / kv_heads; }
    __host__ __device__ int width() const { return (int) round_up(head_dim, 4); }
    /* Keys of one split of a sequence that has so many. */
    __device__ int span(int keys) const { return (int) greater(LEAST_SPAN, round_up(pieces(keys, splits), 64)); }
    /* Row r of a key head: where its query and its output lie in elements, the latter also its number among partial results. */
    __device__ int64_t row(int b, int kv, int r) const { return ((int64_t) b * time + r / group()) * heads + kv * group() + r % group(); }
    __device__ const T *query(int b, int kv, int r) const
    {
        return qkv + ((int64_t) b * time + r / group()) * (heads + 2 * kv_heads) * head_dim + (kv * group() + r % group()) * head_dim;
    }
};

/* A block's sequence, key head, first row, and keys first .. last-1. */
struct Span {
    int sequence, kv_head, row, split, start, first, last;
};

/* Whether the block has work: false beyond what its rows see, and where start is refused. */
template <int ROWS, class T> __device__ __forceinline__ bool find_span(const DecodeJob<T> &job, Span &at)
{
    int block = blockIdx.x, rows = job.time * job.group(), parts = (int) pieces(rows, ROWS);
    at.split = block % job.splits;
    at.row = block / job.splits % parts * ROWS;
    at.kv_head = block / job.splits / parts % job.kv_heads;
    at.sequence = block / job.splits / parts / job.kv_heads;
    if (!standing(job, at.sequence, at.start)) return false;
    int span = job.span(at.start + job.time), last_row = (int) lesser(at.row + ROWS, rows) - 1;
    at.first = at.split * span;
    at.last = (int) lesser(at.first + span, at.start + last_row / job.group() + 1);
    return at.first < at.last;
}

/* The part of a row that a block has summed: the output itself when there is no other. */
template <class T> __device__ __forceinline__ void put_part(const DecodeJob<T> &job, int64_t row, int split, int c, float sum, float total)
{
    if (job.splits == 1) put(job.out + row * job.head_dim + c, sum / total);
    else job.values[(row * job.splits + split) * job.width() + c] = sum;
}
template <class T> __device__ __forceinline__ void put_statistics(const DecodeJob<T> &job, int64_t row, int split, float top, float total)
{
    if (job.splits == 1) return;
    float *to = job.statistics + 2 * (row * job.splits + split);
    to[0] = top;
    to[1] = total;
}

/* Head sizes to DIM, a multiple of 8; rows on 16 bytes; scale above 0. */
template <int DIM> __global__ __launch_bounds__(DECODE_THREADS, 2) void decode_flash(DecodeJob<uint16_t> job)
{
    constexpr int ROWS = 16, KEYS = 2048 / DIM, CHUNKS = DIM / 32, SETS = DIM / 64;
    SHARED_ARRAY(float, tops, DECODE_WARPS * ROWS);
    SHARED_ARRAY(float, totals, DECODE_WARPS * ROWS);
    DYNAMIC_SHARED(float, sums);
    Span at;
    if (!find_span<ROWS>(job, at)) return;
    int warp = threadIdx.x / WARP, lane = threadIdx.x % WARP, g = lane / 4, t = lane % 4, n = job.head_dim, rows = job.time * job.group();
    int64_t ld = 2 * (int64_t) job.kv_heads * n;
    const uint16_t *keys = job.cache + at.sequence * job.capacity * ld + at.kv_head * n, *values = keys + job.kv_heads * n;
    auto chunk_of = [&](const uint16_t *row, int chunk, bool exists) {
        return exists && 8 * chunk < n ? load_as<uint4>(row + 8 * chunk) : uint4{0, 0, 0, 0};
    };
    unsigned q[2 * CHUNKS][4];
    int limit[2];
    for (int half = 0; half < 2; half++) {
        int r = at.row + g + 8 * half;
        const uint16_t *row = job.query(at.sequence, at.kv_head, r < rows ? r : 0);
        limit[half] = r < rows ? (int) lesser(at.start + r / job.group(), at.last - 1) : -1;
        for (int c = 0; c < CHUNKS; c++) {
            uint4 x = chunk_of(row, 4 * c + t, r < rows);
            q[2 * c][half] = x.x, q[2 * c][2 + half] = x.y, q[2 * c + 1][half] = x.z, q[2 * c + 1][2 + half] = x.w;
        }
    }
    float factor = job.scale * LOG2_E, o[DIM / 8][4] = {}, top[2] = {-INFINITY, -INFINITY}, total[2] = {};
#pragma unroll 1
    for (int key0 = at.first + warp * KEYS; key0 < at.last; key0 += DECODE_WARPS * KEYS) {
        uint4 k[KEYS / 8][CHUNKS], v[KEYS / 16][4][SETS];
#pragma unroll
        for (int i = 0; i < KEYS / 8; i++)
#pragma unroll
            for (int c = 0; c < CHUNKS; c++) {
                int key = key0 + 8 * i + g;
                k[i][c] = chunk_of(keys + key * ld, 4 * c + t, key < at.last);
            }
#pragma unroll
        for (int i = 0; i < KEYS / 16; i++)
#pragma unroll
            for (int j = 0; j < 4; j++)
#pragma unroll
                for (int set = 0; set < SETS; set++) {
                    int key = key0 + 16 * i + 2 * t + j / 2 * 8 + j % 2;
                    v[i][j][set] = chunk_of(values + key * ld, 8 * set + g, key < at.last);
                }
        float s[1][KEYS / 8][4] = {};
#pragma unroll
        for (int c = 0; c < CHUNKS; c++)
#pragma unroll
            for (int i = 0; i < KEYS / 8; i++) {
                const unsigned first[2] = {k[i][c].x, k[i][c].y}, second[2] = {k[i][c].z, k[i][c].w};
                mma_bf16(s[0][i], q[2 * c], first);
                mma_bf16(s[0][i], q[2 * c + 1], second);
            }
#pragma unroll
        for (int half = 0; half < 2; half++) {
            float best = top[half], sum = 0;
#pragma unroll
            for (int i = 0; i < KEYS / 8; i++)
#pragma unroll
                for (int e = 0; e < 2; e++) {
                    float &x = s[0][i][2 * half + e];
                    if (key0 + 8 * i + 2 * t + e > limit[half]) x = -INFINITY;
                    best = fmaxf(best, x);
                }
            best = quad_max(best);
            float base = best == -INFINITY ? 0 : best * factor, shrink = exp2_approximate(top[half] * factor - base);
            top[half] = best;
#pragma unroll
            for (int i = 0; i < KEYS / 8; i++)
#pragma unroll
                for (int e = 0; e < 2; e++) {
                    float &x = s[0][i][2 * half + e];
                    x = exp2_approximate(x * factor - base);
                    sum += x;
                }
            total[half] = total[half] * shrink + sum;
#pragma unroll
            for (int c = 0; c < DIM / 8; c++) o[c][2 * half] *= shrink, o[c][2 * half + 1] *= shrink;
        }
        unsigned p[1][KEYS / 16][4];
        pack(p, s);
        if (key0 + KEYS > at.start + at.row / job.group() + 1) {
            /* Not every row sees all of these values: what is not finite must not be weighed with 0. */
            unsigned bad = 0;
#pragma unroll
            for (int i = 0; i < 4 * KEYS / 16 * SETS; i++) {
                uint4 x = v[i / 4 / SETS][i / SETS % 4][i % SETS];
                bad |= nonfinite(x.x) | nonfinite(x.y) | nonfinite(x.z) | nonfinite(x.w);
            }
            if (__any_sync(ALL_LANES, bad != 0)) {
#pragma unroll 1
                for (int key = key0; key < lesser(key0 + KEYS, at.last); key++)
#pragma unroll
                    for (int c = 0; c < DIM / 8; c++)
#pragma unroll
                        for (int e = 0; e < 2; e++) {
                            int column = c / 8 * 64 + 8 * (2 * t + e) + c % 8;
                            uint16_t x = column < n ? values[key * ld + column] : 0;
                            if (!nonfinite(x)) continue;
                            if (key <= limit[0]) o[c][e] += widen(x);
                            if (key <= limit[1]) o[c][2 + e] += widen(x);
                        }
#pragma unroll
                for (int i = 0; i < 4 * KEYS / 16 * SETS; i++) {
                    uint4 &x = v[i / 4 / SETS][i / SETS % 4][i % SETS];
                    x = uint4{finite_part(x.x), finite_part(x.y), finite_part(x.z), finite_part(x.w)};
                }
            }
        }
#pragma unroll
        for (int i = 0; i < KEYS / 16; i++)
#pragma unroll
            for (int c = 0; c < DIM / 8; c++) {
                auto pair = [&](int j) {
                    const uint4 &x = v[i][j][c / 8], &y = v[i][j + 1][c / 8];
                    const unsigned left[4] = {x.x, x.y, x.z, x.w}, right[4] = {y.x, y.y, y.z, y.w};
                    unsigned a = left[c % 8 / 2], b = right[c % 8 / 2];
                    return c % 2 ? a >> 16 | (b & 0xffff0000u) : (a & 0xffffu) | b << 16;
                };
                const unsigned weighed[2] = {pair(0), pair(2)};
                mma_bf16(o[c], p[0][i], weighed);
            }
    }
    for (int half = 0; half < 2; half++) {
        int r = g + 8 * half;
        float sum = quad_sum(total[half]);
        if (t == 0) {
            tops[warp * ROWS + r] = top[half] * job.scale;
            totals[warp * ROWS + r] = sum;
        }
#pragma unroll
        for (int c = 0; c < DIM / 8; c++)
            for (int e = 0; e < 2; e++) sums[(warp * ROWS + r) * DIM + c / 8 * 64 + 8 * (2 * t + e) + c % 8] = o[c][2 * half + e];
    }
    __syncthreads();
    for (int e = threadIdx.x; e < ROWS * DIM; e += DECODE_THREADS) {
        int r = e / DIM, c = e % DIM;
        if (at.row + r >= rows || c >= n) continue;
        float best = tops[r], all = 0, sum = 0;
        for (int w = 1; w < DECODE_WARPS; w++) best = fmaxf(best, tops[w * ROWS + r]);
        for (int w = 0; w < DECODE_WARPS; w++) {
            float weight = best == -INFINITY ? 0 : expf(tops[w * ROWS + r] - best);
            all += totals[w * ROWS + r] * weight;
            sum += sums[(w * ROWS + r) * DIM + c] * weight;
        }
        int64_t row = job.row(at.sequence, at.kv_head, at.row + r);
        put_part(job, row, at.split, c, sum, all);
        if (c == 0) put_statistics(job, row, at.split, best, all);
    }
}

#endif
