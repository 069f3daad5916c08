/*
 * flash.cuh: what the attention kernels on tensor cores share: tiles of bf16 in shared memory, and their products.
 *
 * A tile is [rows, DIM]. The 16-byte chunks of a row are permuted by an XOR with the row, so that the eight rows which ldmatrix reads
 * at one column lie on all 32 banks. Rows and columns that do not exist are zero. A warp multiplies 16*M rows of one tile with the rows
 * of another (scores), or weights that it holds in registers with the columns of a tile (sums). What a warp computes by the first
 * has the layout in which the second wants it, so that probabilities never leave the registers.
 */
#ifndef RONDO_CUDA_FLASH_CUH
#define RONDO_CUDA_FLASH_CUH

#include "attention.cuh"

constexpr float LOG2_E = 1.4426950408889634f;

/* Read anew at each use, with what follows from it: registers are dearer here than instructions. */
__device__ __forceinline__ int thread_of()
{
    int thread = threadIdx.x;
    forget(thread);
    return thread;
}
__device__ __forceinline__ int lane_of() { return thread_of() % WARP; }
__device__ __forceinline__ int warp_of() { return thread_of() / WARP; }

template <int DIM> __device__ __forceinline__ int swizzle(int row) { return DIM % 64 == 0 ? row & 7 : row >> 1 & 3; }
template <int DIM> __device__ __forceinline__ int chunk_at(int row, int chunk) { return row * DIM + 8 * (chunk ^ swizzle<DIM>(row)); }

/* Calls visit(row, chunk) for this thread's chunks of a tile: neighbouring lanes have neighbouring chunks of a row. */
template <int DIM, int ROWS, int THREADS, class Visit> __device__ __forceinline__ void each_chunk(Visit visit)
{
    constexpr int LANES = DIM % 64 == 0 ? 8 : 4, STEP = THREADS / LANES;
    static_assert(ROWS % STEP == 0 && STEP % 8 == 0);
    int thread = thread_of();
#pragma unroll
    for (int part = 0; part < DIM / 8; part += LANES)
#pragma unroll
        for (int row = 0; row < ROWS; row += STEP) visit(row + thread / LANES, part + thread % LANES);
}

/* Starts the copy of a tile: rows and columns of from that exist, of which there may be more than the tile holds. */
template <int DIM, int ROWS, int THREADS>
__device__ __forceinline__ void load_tile(uint16_t *tile, const uint16_t *from, int64_t ld, int rows, int columns)
{
    each_chunk<DIM, ROWS, THREADS>([&](int row, int chunk) {
        copy16_async(tile + chunk_at<DIM>(row, chunk), from + row * ld + 8 * chunk, row < rows && 8 * chunk < columns ? 16 : 0);
    });
}

/* Where a lane reads its row of the four matrices of ldmatrix: 16 rows and two chunks, rows first or chunks first. */
template <int DIM> struct Reader {
    int row, chunk;
    __device__ __forceinline__ Reader(bool rows_first)
    {
        int lane = lane_of();
        row = rows_first ? lane % 16 : lane / 16 * 8 + lane % 8;
        chunk = (rows_first ? lane / 16 : lane / 8 % 2) ^ swizzle<DIM>(row);
        row *= DIM;
    }
    /* Rows 16*i.., chunks 2*j and 2*j + 1. */
    __device__ __forceinline__ const uint16_t *at(const uint16_t *tile, int i, int j) const
    {
        return tile + 16 * i * DIM + row + 8 * (chunk ^ 2 * j);
    }
};

/* c[m][n] += rows 16*m.. of a times rows 8*n.. of b. The head comes in PARTS, between which the compiler moves nothing. */
template <int DIM, int PARTS, int M, int N>
__device__ __forceinline__ void multiply_rows(float (&c)[M][N][4], const uint16_t *a, const uint16_t *b)
{
    Reader<DIM> left(true), right(false);
#pragma unroll DIM / 16 / PARTS
    for (int k = 0; k < DIM / 16; k++) {
        unsigned x[M][4];
#pragma unroll
        for (int m = 0; m < M; m++) ldmatrix4<false>(x[m], left.at(a, m, k));
#pragma unroll
        for (int n = 0; n < N; n += 2) {
            unsigned y[4];
            ldmatrix4<false>(y, right.at(b, n / 2, k));
            const unsigned first[2] = {y[0], y[1]}, second[2] = {y[2], y[3]};
#pragma unroll
            for (int m = 0; m < M; m++) {
                mma_bf16(c[m][n], x[m], first);
                mma_bf16(c[m][n + 1], x[m], second);
            }
        }
    }
}

/* c[m][n] += weights[m] times columns 8*n.. of b, K 16-row steps of it. */
template <int DIM, int M, int K>
__device__ __forceinline__ void multiply_columns(float (&c)[M][DIM / 8][4], const unsigned (&weights)[M][K][4], const uint16_t *b)
{
    Reader<DIM> right(true);
#pragma unroll
    for (int n = 0; n < DIM / 8; n += 2)
#pragma unroll
        for (int k = 0; k < K; k++) {
            unsigned y[4];
            ldmatrix4<true>(y, right.at(b, k, n / 2));
            const unsigned first[2] = {y[0], y[1]}, second[2] = {y[2], y[3]};
#pragma unroll
            for (int m = 0; m < M; m++) {
                mma_bf16(c[m][n], weights[m][k], first);
                mma_bf16(c[m][n + 1], weights[m][k], second);
            }
        }
}

/* Results as weights: columns 8*n of c become rows of the next product. */
template <int M, int N> __device__ __forceinline__ void pack(unsigned (&weights)[M][N / 2][4], const float (&c)[M][N][4])
{
#pragma unroll
    for (int m = 0; m < M; m++)
#pragma unroll
        for (int n = 0; n < N; n++)
#pragma unroll
            for (int half = 0; half < 2; half++) weights[m][n / 2][n % 2 * 2 + half] = narrow2(c[m][n][2 * half], c[m][n][2 * half + 1]);
}

/*
 * A warp's factor[m][half] * c of 16*M rows to bf16 at to, rows ld apart, of which rows and columns exist: by way of the warp's own
 * rows of a tile, so that global memory is written 16 bytes at a time.
 */
template <int DIM, int M>
__device__ __forceinline__ void store_rows(const float (&c)[M][DIM / 8][4], const float (&factor)[M][2], uint16_t *tile, uint16_t *to,
    int64_t ld, int rows, int columns)
{
    int lane = lane_of();
    __syncwarp();
#pragma unroll
    for (int m = 0; m < M; m++)
#pragma unroll
        for (int half = 0; half < 2; half++)
#pragma unroll
            for (int n = 0; n < DIM / 8; n++) {
                unsigned pair = narrow2(factor[m][half] * c[m][n][2 * half], factor[m][half] * c[m][n][2 * half + 1]);
                store_as(tile + chunk_at<DIM>(16 * m + 8 * half + lane / 4, n) + lane % 4 * 2, pair);
            }
    __syncwarp();
    for (int e = lane; e < 16 * M * (DIM / 8); e += WARP) {
        int row = e / (DIM / 8), chunk = e % (DIM / 8);
        if (row < rows && 8 * chunk < columns) store_as(to + row * ld + 8 * chunk, load_as<uint4>(tile + chunk_at<DIM>(row, chunk)));
    }
}

/* Whether one of the two bf16 is infinite or no number: adding one to an exponent of ones carries into the sign's place. */
__device__ __forceinline__ unsigned nonfinite(unsigned pair) { return ((pair & 0x7f807f80u) + 0x00800080u) & 0x80008000u; }
__device__ __forceinline__ unsigned finite_part(unsigned pair) { return pair & ~((nonfinite(pair) >> 15) * 0xffffu); }

inline bool fits_tiles(int64_t head_dim, float scale) { return head_dim % 8 == 0 && head_dim <= 128 && scale > 0; }

/* Calls launch with the smallest of 32, 64, 96, 128 that holds head_dim, as a type. */
template <class F> void with_tile(int64_t head_dim, F launch)
{
    if (head_dim <= 32) launch(Dim<32>());
    else if (head_dim <= 64) launch(Dim<64>());
    else if (head_dim <= 96) launch(Dim<96>());
    else launch(Dim<128>());
}

#endif
