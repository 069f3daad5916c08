/*
 * attention_grad.cu: gradient of causal grouped-query attention, without atomics.
 *
 * P = exp(scale*q k^T - lse), delta = rowsum(dout*out), dS = P * (dout v^T - delta), dq = scale * dS k, dk = scale * dS^T q,
 * dv = P^T dout (FlashAttention, arXiv 2205.14135, algorithm 4). delta goes to scratch first. Then two kernels, each of which recomputes
 * P: a block of the first owns a tile of queries and walks over keys; a block of the second owns a tile of keys and walks over the
 * queries of its whole group. So every result is written once, in an order fixed by the shape. In bf16 flash_grad.cuh does it on tensor
 * cores where its limits hold; everything else is done here by ordinary multiply-adds in f32 from shared memory.
 */
#include "flash_grad.cuh"

constexpr int DELTA_THREADS = 256, DELTA_LANES = 8, DELTA_ROWS = DELTA_THREADS / DELTA_LANES;

/* delta [batch, heads, time]; rows are those of out, (sequence, time, head). */
template <class T, bool WIDE>
__global__ void delta_kernel(const T *out, const T *dout, int64_t rows, int time, int heads, int head_dim, float *delta)
{
    constexpr int N = STEP<T, WIDE>;
    int64_t r = (int64_t) blockIdx.x * DELTA_ROWS + threadIdx.x / DELTA_LANES;
    float sum = 0;
    if (r < rows)
        for (int c = threadIdx.x % DELTA_LANES * N; c < head_dim; c += DELTA_LANES * N) {
            float x[N], dx[N];
            load(out + r * head_dim + c, x);
            load(dout + r * head_dim + c, dx);
            for (int i = 0; i < N; i++) sum += x[i] * dx[i];
        }
    for (int bits = 1; bits < DELTA_LANES; bits *= 2) sum += __shfl_xor_sync(ALL_LANES, sum, bits);
    int64_t t = r / heads % time, b = r / heads / time;
    if (r < rows && threadIdx.x % DELTA_LANES == 0) delta[(b * heads + r % heads) * time + t] = sum;
}

template <int DIM, class T> __global__ __launch_bounds__(THREADS) void query_grad_kernel(GradJob<T> job)
{
    DYNAMIC_SHARED(float, shared);
    constexpr int ROWS = TILE * (DIM + 1);
    float *q = shared, *d = q + ROWS, *k = d + ROWS, *v = k + ROWS, *ds = v + ROWS;
    int row = threadIdx.x / QUAD, quad = threadIdx.x % QUAD, tiles = (int) pieces(job.time, TILE), n = job.head_dim;
    Place place = place_of(tiles, job.heads, job.batch, job.section);
    int i0 = (tiles - 1 - place.tile) * TILE, i = i0 + row, h = place.head, kv = h / (job.heads / job.kv_heads);
    int64_t ld = job.ld(), first = (int64_t) place.sequence * job.time, at = ((int64_t) place.sequence * job.heads + h) * job.time + i;
    const T *base = job.qkv + first * ld;
    load_rows<DIM>(base + h * n, ld, i0, job.time, n, job.scale, q);
    load_rows<DIM>(job.dout + (first * job.heads + h) * n, (int64_t) job.heads * n, i0, job.time, n, 1, d);
    float delta = i < job.time ? job.delta[at] : 0, lse = i < job.time ? job.lse[at] : 0, sum[DIM / QUAD] = {};
    for (int k0 = 0; k0 <= i0; k0 += TILE) {
        load_rows<DIM>(base + (job.heads + kv) * n, ld, k0, job.time, n, 1, k);
        load_rows<DIM>(base + (job.heads + job.kv_heads + kv) * n, ld, k0, job.time, n, 1, v);
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
    T *to = job.dqkv + (first + i) * ld + h * n;
    for (int e = 0; e < DIM / QUAD; e++)
        if (QUAD * e + quad < n) put(to + QUAD * e + quad, job.scale * sum[e]);
}

template <int DIM, class T> __global__ __launch_bounds__(THREADS) void key_grad_kernel(GradJob<T> job)
{
    DYNAMIC_SHARED(float, shared);
    constexpr int ROWS = TILE * (DIM + 1);
    float *q = shared, *d = q + ROWS, *k = d + ROWS, *v = k + ROWS, *p = v + ROWS, *ds = p + TILE * (TILE + 1);
    int row = threadIdx.x / QUAD, quad = threadIdx.x % QUAD, tiles = (int) pieces(job.time, TILE), n = job.head_dim;
    Place place = place_of(tiles, job.kv_heads, job.batch, job.section);
    int k0 = place.tile * TILE, kv = place.head, group = job.heads / job.kv_heads;
    int64_t ld = job.ld(), first = (int64_t) place.sequence * job.time;
    const T *base = job.qkv + first * ld;
    load_rows<DIM>(base + (job.heads + kv) * n, ld, k0, job.time, n, 1, k);
    load_rows<DIM>(base + (job.heads + job.kv_heads + kv) * n, ld, k0, job.time, n, 1, v);
    float dk[DIM / QUAD] = {}, dv[DIM / QUAD] = {};
    for (int h = kv * group; h < (kv + 1) * group; h++)
        for (int i0 = k0; i0 < job.time; i0 += TILE) {
            int i = i0 + row;
            int64_t at = ((int64_t) place.sequence * job.heads + h) * job.time + i;
            __syncthreads();
            load_rows<DIM>(base + h * n, ld, i0, job.time, n, job.scale, q);
            load_rows<DIM>(job.dout + (first * job.heads + h) * n, (int64_t) job.heads * n, i0, job.time, n, 1, d);
            float delta = i < job.time ? job.delta[at] : 0, lse = i < job.time ? job.lse[at] : 0;
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
    int key = k0 + row;
    if (key >= job.time) return;
    T *dk_to = job.dqkv + (first + key) * ld + (job.heads + kv) * n, *dv_to = dk_to + job.kv_heads * n;
    for (int e = 0; e < DIM / QUAD; e++)
        if (QUAD * e + quad < n) {
            put(dk_to + QUAD * e + quad, dk[e]);
            put(dv_to + QUAD * e + quad, dv[e]);
        }
}

/* Both kernels over tiles of so many queries and keys; sections by what their heads read again and again. */
template <class T, class QueryKernel, class KeyKernel>
static void launch_both(rondo_stream *s, GradJob<T> job, QueryKernel query_kernel, int queries, int query_threads, int query_bytes,
    KeyKernel key_kernel, int keys, int key_threads, int key_bytes)
{
    int64_t group = job.heads / job.kv_heads, bytes = 2 * (int64_t) job.time * job.head_dim * (int64_t) sizeof(T);
    job.section = section_of(job.heads, job.batch, group, bytes);
    unsigned blocks = (unsigned) (pieces(job.time, queries) * job.heads * job.batch);
    LAUNCH_WIDE(query_kernel, blocks, query_threads, query_bytes, s->stream, job);
    job.section = section_of(job.kv_heads, job.batch, 1, group * bytes);
    blocks = (unsigned) (pieces(job.time, keys) * job.kv_heads * job.batch);
    LAUNCH_WIDE(key_kernel, blocks, key_threads, key_bytes, s->stream, job);
}

template <class T> static void grad_on_ordinary_cores(rondo_stream *s, const GradJob<T> &job)
{
    with_dim(job.head_dim, [&](auto dim) {
        constexpr int DIM = decltype(dim)::value, ROWS = 4 * TILE * (DIM + 1), SQUARE = TILE * (TILE + 1);
        launch_both(s, job, query_grad_kernel<DIM, T>, TILE, THREADS, (ROWS + SQUARE) * (int) sizeof(float), key_grad_kernel<DIM, T>, TILE,
            THREADS, (ROWS + 2 * SQUARE) * (int) sizeof(float));
    });
}

static void grad_on_tensor_cores(rondo_stream *s, const GradJob<uint16_t> &job)
{
    with_tile(job.head_dim, [&](auto dim) {
        constexpr int DIM = decltype(dim)::value;
        using Query = QueryGradShape<DIM>;
        using Key = KeyGradShape<DIM>;
        launch_both(s, job, query_grad_flash<DIM>, Query::QUERIES, Query::THREADS, Query::BYTES, key_grad_flash<DIM>, Key::KEYS,
            Key::THREADS, Key::BYTES);
    });
}

template <class T>
static void attention_grad(rondo_stream *s, const T *qkv, const T *out, const float *lse, const T *dout, int64_t batch, int64_t time,
    int64_t heads, int64_t kv_heads, int64_t head_dim, float scale, float *delta, T *dqkv)
{
    int64_t rows = batch * time * heads;
    int t = (int) time, h = (int) heads, n = (int) head_dim;
    unsigned blocks = (unsigned) pieces(rows, DELTA_ROWS);
    if (head_dim % STEP<T, true> == 0 && aligned16(out, dout))
        LAUNCH((delta_kernel<T, true>), blocks, DELTA_THREADS, 0, s->stream, out, dout, rows, t, h, n, delta);
    else
        LAUNCH((delta_kernel<T, false>), blocks, DELTA_THREADS, 0, s->stream, out, dout, rows, t, h, n, delta);
    GradJob<T> job = {qkv, dout, lse, delta, (int) batch, t, h, (int) kv_heads, n, scale, dqkv, 0};
    if constexpr (sizeof(T) == sizeof(uint16_t))
        if (fits_tiles(head_dim, scale) && aligned16(qkv, dout, dqkv)) return grad_on_tensor_cores(s, job);
    grad_on_ordinary_cores(s, job);
}

int32_t device_attention_grad(rondo_stream *s, int32_t type, const void *qkv, const void *out, const float *lse, const void *dout,
    int64_t batch, int64_t time, int64_t heads, int64_t kv_heads, int64_t head_dim, float scale, float *scratch, void *dqkv)
{
    by_type(type, [&](auto element) {
        using T = decltype(element);
        attention_grad(s, (const T *) qkv, (const T *) out, lse, (const T *) dout, batch, time, heads, kv_heads, head_dim, scale, scratch,
            (T *) dqkv);
    });
    return launched(s, "rondo_attention_grad");
}
