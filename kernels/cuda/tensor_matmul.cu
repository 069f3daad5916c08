/*
 * tensor_matmul.cu: out = alpha*op(a)*op(b) + beta*c for bf16 operands on the tensor cores, f32 accumulation, result f32 or bf16.
 *
 * A block owns a square tile of out, its four warps a quarter each; the depth passes by in steps of 32 through a ring of three
 * stages in shared memory, filled by cp.async two steps ahead. A warp's quarter of 64 x 64 reads 4 KB of shared memory per 32
 * mma.sync, half of what it could: eight warps of 64 x 32 would be bound by shared memory, not by the tensor cores. 48 KB of
 * stages and at most 255 registers a thread leave two blocks an SM on every GPU from sm_80 on. Tiles of 64 x 64 where those of
 * 128 do not fill the chip, and where rows do not begin at multiples of 16 bytes: these are loaded element by element.
 *
 * An operand is stored along the depth (a, and b transposed) or across it; either way chunks of 8 elements are swizzled so that
 * the eight rows of an ldmatrix lie in different banks. Tiles are numbered in groups of 8 rows of tiles, so that those which run
 * at once share their operands in the L2. The sums of an element run along the depth in one order, whatever the tile.
 */
#include "product.h"

constexpr int DEPTH = 32, STAGES = 3, THREADS = 4 * WARP, CHUNK = 8, GROUP_ROWS = 8;
constexpr int BIG = 128, SMALL = 64;

struct Panel {
    const uint16_t *data;
    int64_t extent, ld, step;
};

struct TensorJob {
    int64_t k, tile_rows, tile_columns;
    Panel a, b;
    float alpha, beta;
    const void *c;
    void *out;
    int64_t c_ld, c_step, out_ld, out_step;
    int out_type, symmetric;
    /* Four neighbours in a row of out, and of c, may be moved at once. */
    int vectors;
};

/* Where a chunk of a stored row lies: its row of the tile is [TILE] or [DEPTH] elements, of which chunks change places. */
template <int TILE, bool CROSSED> __device__ __forceinline__ int place(int row, int chunk)
{
    return CROSSED ? row * TILE + (chunk ^ (row & 7)) * CHUNK : row * DEPTH + (chunk ^ (row >> 1 & 3)) * CHUNK;
}

/* The tile of rows i0.. (of op(a), or columns of op(b)) and depths p0.. of a stored operand; zero outside. */
template <int TILE, bool CROSSED, bool ALIGNED>
__device__ __forceinline__ void load_panel(const Panel &x, const uint16_t *data, int64_t i0, int64_t p0, int64_t k, uint16_t *tile)
{
    constexpr int CHUNKS = (CROSSED ? TILE : DEPTH) / CHUNK;
    int64_t row0 = CROSSED ? p0 : i0, rows = CROSSED ? k : x.extent, column0 = CROSSED ? i0 : p0, columns = CROSSED ? x.extent : k;
#pragma unroll
    for (int n = 0; n < TILE * DEPTH / CHUNK / THREADS; n++) {
        int e = threadIdx.x + n * THREADS, row = e / CHUNKS, chunk = e % CHUNKS;
        int64_t column = column0 + chunk * CHUNK;
        int left = row0 + row < rows ? (int) greater(0, lesser(CHUNK, columns - column)) : 0;
        const uint16_t *from = left ? data + (row0 + row) * x.ld + column : data;
        uint16_t *to = tile + place<TILE, CROSSED>(row, chunk);
        if constexpr (ALIGNED) {
            copy16_async(to, from, 2 * left);
        } else {
            unsigned pairs[CHUNK / 2];
            for (int i = 0; i < CHUNK / 2; i++) {
                unsigned low = 2 * i < left ? from[2 * i] : 0, high = 2 * i + 1 < left ? from[2 * i + 1] : 0;
                pairs[i] = low | high << 16;
            }
            *reinterpret_cast<uint4 *>(to) = {pairs[0], pairs[1], pairs[2], pairs[3]};
        }
    }
}

/* The four 8 x 8 matrices of rows i.. and depths p..; half of the rows changes first (a) or half of the depth (b). */
template <int TILE, bool CROSSED, bool ROWS_FIRST>
__device__ __forceinline__ void load_fragment(unsigned (&r)[4], const uint16_t *tile, int i, int p)
{
    int lane = threadIdx.x % WARP, inside = lane % 8, first = lane / 8 % 2, second = lane / 16;
    int row_half = ROWS_FIRST ? first : second, depth_half = ROWS_FIRST ? second : first;
    if constexpr (CROSSED) ldmatrix4<true>(r, tile + place<TILE, true>(p + 8 * depth_half + inside, i / CHUNK + row_half));
    else ldmatrix4<false>(r, tile + place<TILE, false>(i + 8 * row_half + inside, p / CHUNK + depth_half));
}

/* v += beta * c and out = v for count of four neighbours. */
template <class T>
__device__ __forceinline__ void finish(const TensorJob &job, const void *c_data, void *out_data, int64_t row, int64_t column, int count,
    float (&v)[4])
{
    T *out = static_cast<T *>(out_data) + row * job.out_ld + column;
    const T *c = job.beta != 0 ? static_cast<const T *>(c_data) + row * job.c_ld + column : nullptr;
    if (job.vectors && count == 4) {
        if (c) {
            float old[4];
            load4(c, old);
            for (int i = 0; i < 4; i++) v[i] += job.beta * old[i];
        }
        store(out, v);
        return;
    }
    for (int i = 0; i < 4; i++) {
        if (i >= count) continue;
        if (c) v[i] += job.beta * get(c[i]);
        put(out + i, v[i]);
    }
}

/* Writes one warp's sums of 16 rows from shared memory, row by row, and of a symmetric result also column by column. */
template <int SIDE, class T>
__device__ __forceinline__ void write_rows(const TensorJob &job, const void *c, void *out, float *rows, int64_t i0, int64_t j0)
{
    constexpr int LINE = SIDE + 8, LANES = SIDE / 4;
    int lane = threadIdx.x % WARP;
    for (int row = lane / LANES; row < 16; row += WARP / LANES) {
        int column = lane % LANES * 4;
        int64_t i = i0 + row, j = j0 + column, end = job.symmetric ? lesser(job.b.extent, i + 1) : job.b.extent;
        if (i >= job.a.extent || j >= end) continue;
        float *from = rows + row * LINE + column;
        float4 x = *reinterpret_cast<const float4 *>(from);
        float v[4] = {x.x, x.y, x.z, x.w};
        finish<T>(job, c, out, i, j, (int) lesser(4, end - j), v);
        if (job.symmetric) *reinterpret_cast<float4 *>(from) = {v[0], v[1], v[2], v[3]};
    }
    if (!job.symmetric) return;
    __syncwarp();
    for (int e = lane; e < SIDE * 4; e += WARP) {
        int row = e % 4 * 4, column = e / 4;
        int64_t j = j0 + column;
        for (int64_t i = i0 + row; i < lesser(i0 + row + 4, job.a.extent); i++)
            if (i > j) put(static_cast<T *>(out) + j * job.out_ld + i, rows[(int) (i - i0) * LINE + column]);
    }
}

template <int TILE, bool CROSSED_A, bool CROSSED_B, bool ALIGNED>
__global__ __launch_bounds__(THREADS, TILE == BIG ? 2 : 4) void tensor_kernel(TensorJob job)
{
    constexpr int SIDE = TILE / 2, ROWS = SIDE / 16, COLUMNS = SIDE / 8, PANEL = TILE * DEPTH, LINE = SIDE + 8;
    DYNAMIC_SHARED(uint16_t, shared);
    int64_t group = blockIdx.x / (GROUP_ROWS * job.tile_columns), inside = blockIdx.x % (GROUP_ROWS * job.tile_columns);
    int64_t height = lesser(GROUP_ROWS, job.tile_rows - group * GROUP_ROWS);
    int64_t i0 = (group * GROUP_ROWS + inside % height) * TILE, j0 = inside / height * TILE;
    if (job.symmetric && j0 > i0) return;
    const uint16_t *a = job.a.data + blockIdx.z * job.a.step, *b = job.b.data + blockIdx.z * job.b.step;
    int warp = threadIdx.x / WARP, lane = threadIdx.x % WARP, row = warp / 2 * SIDE, column = warp % 2 * SIDE;

    int steps = (int) pieces(job.k, DEPTH);
    auto load = [&](int step) {
        uint16_t *stage = shared + step % STAGES * 2 * PANEL;
        if (step < steps) {
            load_panel<TILE, CROSSED_A, ALIGNED>(job.a, a, i0, (int64_t) step * DEPTH, job.k, stage);
            load_panel<TILE, CROSSED_B, ALIGNED>(job.b, b, j0, (int64_t) step * DEPTH, job.k, stage + PANEL);
        }
        copy_commit();
    };
    float sum[ROWS][COLUMNS][4] = {};
    for (int step = 0; step < STAGES - 1; step++) load(step);
    for (int step = 0; step < steps; step++) {
        copy_wait<STAGES - 2>();
        __syncthreads();
        load(step + STAGES - 1);
        const uint16_t *tile_a = shared + step % STAGES * 2 * PANEL, *tile_b = tile_a + PANEL;
#pragma unroll
        for (int p = 0; p < DEPTH; p += 16) {
            unsigned left[ROWS][4], right[COLUMNS][2];
#pragma unroll
            for (int i = 0; i < ROWS; i++) load_fragment<TILE, CROSSED_A, true>(left[i], tile_a, row + 16 * i, p);
#pragma unroll
            for (int j = 0; j < COLUMNS; j += 2) {
                unsigned both[4];
                load_fragment<TILE, CROSSED_B, false>(both, tile_b, column + 8 * j, p);
                right[j][0] = both[0], right[j][1] = both[1], right[j + 1][0] = both[2], right[j + 1][1] = both[3];
            }
#pragma unroll
            for (int i = 0; i < ROWS; i++)
#pragma unroll
                for (int j = 0; j < COLUMNS; j++) mma_bf16(sum[i][j], left[i], right[j]);
        }
    }
    /* The stages become a place for each warp where its sums change from fragments to rows. */
    __syncthreads();
    float *rows = reinterpret_cast<float *>(shared) + warp * 16 * LINE;
    int64_t bytes = job.out_type == RONDO_F32 ? 4 : 2;
    const char *c = static_cast<const char *>(job.c) + blockIdx.z * job.c_step * bytes;
    char *out = static_cast<char *>(job.out) + blockIdx.z * job.out_step * bytes;
#pragma unroll
    for (int i = 0; i < ROWS; i++) {
        __syncwarp();
#pragma unroll
        for (int j = 0; j < COLUMNS; j++) {
            float *to = rows + lane / 4 * LINE + 8 * j + lane % 4 * 2;
            *reinterpret_cast<float2 *>(to) = {job.alpha * sum[i][j][0], job.alpha * sum[i][j][1]};
            *reinterpret_cast<float2 *>(to + 8 * LINE) = {job.alpha * sum[i][j][2], job.alpha * sum[i][j][3]};
        }
        __syncwarp();
        if (job.out_type == RONDO_F32) write_rows<SIDE, float>(job, c, out, rows, i0 + row + 16 * i, j0 + column);
        else write_rows<SIDE, uint16_t>(job, c, out, rows, i0 + row + 16 * i, j0 + column);
    }
}

template <int TILE, bool ALIGNED> static void start_tiles(rondo_stream *s, TensorJob job, int64_t batch, int crossed_a, int crossed_b)
{
    constexpr size_t BYTES = STAGES * 2 * TILE * DEPTH * sizeof(uint16_t);
    static_assert(BYTES <= 48 * 1024 && BYTES >= 4 * 16 * (TILE / 2 + 8) * sizeof(float), "fits without asking, and the sums fit in it");
    job.tile_rows = pieces(job.a.extent, TILE);
    job.tile_columns = pieces(job.b.extent, TILE);
    int64_t bytes = element_bytes(job.out_type);
    for (int64_t first = 0; first < batch; first += MOST_BATCH) {
        dim3 blocks((unsigned) (job.tile_rows * job.tile_columns), 1, (unsigned) lesser(MOST_BATCH, batch - first));
        if (!crossed_a && !crossed_b) LAUNCH((tensor_kernel<TILE, false, false, ALIGNED>), blocks, THREADS, BYTES, s->stream, job);
        else if (!crossed_a) LAUNCH((tensor_kernel<TILE, false, true, ALIGNED>), blocks, THREADS, BYTES, s->stream, job);
        else if (!crossed_b) LAUNCH((tensor_kernel<TILE, true, false, ALIGNED>), blocks, THREADS, BYTES, s->stream, job);
        else LAUNCH((tensor_kernel<TILE, true, true, ALIGNED>), blocks, THREADS, BYTES, s->stream, job);
        job.a.data += MOST_BATCH * job.a.step;
        job.b.data += MOST_BATCH * job.b.step;
        if (job.c) job.c = static_cast<const char *>(job.c) + MOST_BATCH * job.c_step * bytes;
        job.out = static_cast<char *>(job.out) + MOST_BATCH * job.out_step * bytes;
    }
}

/* Whether four neighbours of f32 or bf16 may be moved at once. */
static bool fours(const void *data, int64_t bytes, int64_t ld, int64_t step)
{
    return (uintptr_t) data % (4 * bytes) == 0 && ld % 4 == 0 && step % 4 == 0;
}

void tensor_product(rondo_stream *s, const Product &p)
{
    int64_t bytes = element_bytes(p.out_type), several = p.batch > 1;
    TensorJob job = {.k = p.k, .tile_rows = 0, .tile_columns = 0,
        .a = {static_cast<const uint16_t *>(p.a.data), p.m, p.a.ld, p.a.step},
        .b = {static_cast<const uint16_t *>(p.b.data), p.n, p.b.ld, p.b.step}, .alpha = p.alpha, .beta = p.beta, .c = p.c, .out = p.out,
        .c_ld = p.c_ld, .c_step = p.c_step, .out_ld = p.out_ld, .out_step = p.out_step, .out_type = p.out_type, .symmetric = p.symmetric,
        .vectors = fours(p.out, bytes, p.out_ld, several * p.out_step) && (p.beta == 0 || fours(p.c, bytes, p.c_ld, several * p.c_step))};
    /* Stored across the depth: a transposed, b not. */
    int crossed_a = p.a.transposed, crossed_b = !p.b.transposed;
    if (!rows_aligned(p.a.data, 2, p.a.ld, p.batch, p.a.step) || !rows_aligned(p.b.data, 2, p.b.ld, p.batch, p.b.step))
        start_tiles<SMALL, false>(s, job, p.batch, crossed_a, crossed_b);
    else if (pieces(p.m, BIG) * pieces(p.n, BIG) * p.batch >= s->processors) start_tiles<BIG, true>(s, job, p.batch, crossed_a, crossed_b);
    else start_tiles<SMALL, true>(s, job, p.batch, crossed_a, crossed_b);
}
