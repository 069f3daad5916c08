/*
 * rotary.cu: out = rotate(norm(qkv + bias)) in one pass: bias or RMSNorm of queries and keys where given, then every pair turns by
 * the angle of the row's position (RoPE, arXiv 2104.09864).
 *
 * A block a row. Bound by memory: 2 elements moved each (values only when not in place; with the norm a second reading from the
 * caches); cosines and sines come from the caches. Positions are checked on the device.
 */
#include "vectors.cuh"

constexpr int THREADS = 256;

template <class T> struct Job {
    const T *qkv;
    const float *bias, *q_gain, *k_gain;
    float eps;
    const int32_t *positions;
    const float *table;
    int64_t table_rows, heads, kv_heads;
    int head_dim;
    float sign;
    T *out;
    float *rstd;
    Refusal *refusal;
};

template <class T, int N> __device__ __forceinline__ float part_squares(const T *x, int64_t columns, float *slots)
{
    float squares = 0;
    for (int64_t c = threadIdx.x * N; c < columns; c += THREADS * N) {
        float v[N];
        load(x + c, v);
        for (int e = 0; e < N; e++) squares += v[e] * v[e];
    }
    return block_sum(squares, slots);
}

/* N pairs a thread: N elements of each half of a head, or 2N side by side. */
template <class T, int N, bool INTERLEAVED> __global__ __launch_bounds__(THREADS) void rotary_kernel(Job<T> job)
{
    SHARED_ARRAY(float, slots, WARP);
    int half = job.head_dim / 2, across = half / N;
    int64_t r = blockIdx.x, q = job.heads * job.head_dim, k = job.kv_heads * job.head_dim, width = q + 2 * k;
    const T *from = job.qkv + r * width;
    T *to = job.out + r * width;
    int position = job.positions[r];
    if (position < 0 || position >= job.table_rows) {
        if (threadIdx.x == 0) refuse(job.refusal, CHECK_ROTARY, r, position, job.table_rows - 1);
        return;
    }
    float q_rstd = 1, k_rstd = 1;
    if (job.q_gain) {
        q_rstd = 1 / sqrtf(part_squares<T, N>(from, q, slots) / (float) q + job.eps);
        k_rstd = 1 / sqrtf(part_squares<T, N>(from + q, k, slots) / (float) k + job.eps);
        if (job.rstd && threadIdx.x < 2) job.rstd[2 * r + threadIdx.x] = threadIdx.x ? k_rstd : q_rstd;
    }
    const float *angles = job.table + (int64_t) position * job.head_dim;
    int turned = (int) (job.heads + job.kv_heads) * across;
    for (int i = threadIdx.x; i < turned; i += THREADS) {
        int h = i / across, at = h * job.head_dim, j = i % across * N;
        /* Where the first and the second N elements lie, and which of them are a pair. */
        int first = at + (INTERLEAVED ? 2 * j : j), second = at + (INTERLEAVED ? 2 * j + N : j + half);
        float x[2 * N], turn[2 * N], low[N], high[N];
        load(from + first, low);
        load(from + second, high);
        for (int e = 0; e < N; e++) x[e] = low[e], x[N + e] = high[e];
        if (job.bias || job.q_gain) {
            const float *other = job.bias ? job.bias : h < job.heads ? job.q_gain : job.k_gain - q;
            float scale = h < job.heads ? q_rstd : k_rstd;
            load(other + first, low);
            load(other + second, high);
            for (int e = 0; e < N; e++) {
                x[e] = job.bias ? x[e] + low[e] : x[e] * scale * low[e];
                x[N + e] = job.bias ? x[N + e] + high[e] : x[N + e] * scale * high[e];
            }
        }
        if constexpr (N == 1) turn[0] = angles[2 * j], turn[1] = angles[2 * j + 1];
        else load(angles + 2 * j, turn);
        for (int e = 0; e < N; e++) {
            float cosine = turn[2 * e], sine = job.sign * turn[2 * e + 1];
            int one = INTERLEAVED ? 2 * e : e, two = INTERLEAVED ? 2 * e + 1 : N + e;
            float a = x[one], b = x[two];
            x[one] = a * cosine - b * sine;
            x[two] = a * sine + b * cosine;
        }
        for (int e = 0; e < N; e++) low[e] = x[e], high[e] = x[N + e];
        store(to + first, low);
        store(to + second, high);
    }
    if (to == from) return;
    for (int64_t c = threadIdx.x * N; c < k; c += THREADS * N) {
        float v[N];
        load(from + q + k + c, v);
        store(to + q + k + c, v);
    }
}

int32_t device_rotary(rondo_stream *s, int32_t type, const void *qkv, const float *bias, const float *q_gain, const float *k_gain, float eps,
    const int32_t *positions, const float *table, int64_t table_rows, int64_t rows, int64_t heads, int64_t kv_heads, int64_t head_dim,
    int32_t interleaved, int32_t inverse, void *out, float *rstd)
{
    by_type(type, [&](auto element) {
        using T = decltype(element);
        constexpr int N = STEP<T, true>;
        Job<T> job = {(const T *) qkv, bias, q_gain, k_gain, eps, positions, table, table_rows, heads, kv_heads, (int) head_dim,
            inverse ? -1.0f : 1.0f, (T *) out, rstd, s->refusal};
        bool wide = head_dim / 2 % N == 0 && aligned16(qkv, bias, q_gain, k_gain, table, out);
        unsigned blocks = (unsigned) rows;
        if (wide && interleaved) LAUNCH((rotary_kernel<T, N, true>), blocks, THREADS, 0, s->stream, job);
        else if (wide) LAUNCH((rotary_kernel<T, N, false>), blocks, THREADS, 0, s->stream, job);
        else if (interleaved) LAUNCH((rotary_kernel<T, 1, true>), blocks, THREADS, 0, s->stream, job);
        else LAUNCH((rotary_kernel<T, 1, false>), blocks, THREADS, 0, s->stream, job);
    });
    return launched(s, "rondo_rotary");
}
