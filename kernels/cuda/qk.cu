/*
 * qk.cu: gradients of bias and RMSNorm of the query and key parts of qkv [rows, (heads + 2*kv_heads) * head_dim].
 *
 * Bound by memory: 1 element moved each for the bias, 3 for the norm; see rows.cuh.
 */
#include "rows.cuh"

constexpr int THREADS = 256;

template <class T> struct BiasTerm {
    const T *d;
    int64_t ld;
    __device__ float operator()(int64_t r, int64_t c) const { return get(d[r * ld + c]); }
};

int32_t device_qk_bias_grad(rondo_stream *s, int32_t type, const void *d, int64_t rows, int64_t heads, int64_t kv_heads, int64_t head_dim,
    int32_t accumulate, float *dbias)
{
    by_type(type, [&](auto element) {
        using T = decltype(element);
        BiasTerm<T> term = {(const T *) d, (heads + 2 * kv_heads) * head_dim};
        sum_columns(s, term, rows, (heads + kv_heads) * head_dim, accumulate, dbias);
    });
    return launched(s, "rondo_qk_bias_grad");
}

/* The last columns of every row. */
template <class T> __global__ void copy_columns_kernel(const T *from, int64_t rows, int64_t width, int64_t columns, T *to)
{
    for (int64_t i = first_index(); i < rows * columns; i += index_step()) {
        int64_t at = i / columns * width + width - columns + i % columns;
        to[at] = from[at];
    }
}

int32_t device_qk_norm_grad(rondo_stream *s, int32_t type, const void *qkv, const float *q_gain, const float *k_gain, const float *rstd,
    const void *d, int64_t rows, int64_t heads, int64_t kv_heads, int64_t head_dim, void *dqkv, int32_t accumulate_gains, float *dq_gain,
    float *dk_gain)
{
    by_type(type, [&](auto element) {
        using T = decltype(element);
        int64_t q = heads * head_dim, k = kv_heads * head_dim, width = q + 2 * k;
        const T *x = (const T *) qkv, *dy = (const T *) d;
        T *dx = (T *) dqkv;
        NormGrad<T> queries = {{x, width}, q_gain, rstd, 2, {dy, width}, nullptr, rows, (int) q, {dx, width}, 0, nullptr};
        NormGrad<T> keys = {{x + q, width}, k_gain, rstd + 1, 2, {dy + q, width}, nullptr, rows, (int) k, {dx + q, width}, 0, nullptr};
        launch_norm_grad(s, queries, accumulate_gains, dq_gain);
        launch_norm_grad(s, keys, accumulate_gains, dk_gain);
        if (rows > 0 && dx != dy)
            LAUNCH(copy_columns_kernel<T>, blocks_for(rows * k, THREADS), THREADS, 0, s->stream, dy, rows, width, k, dx);
    });
    return launched(s, "rondo_qk_norm_grad");
}
