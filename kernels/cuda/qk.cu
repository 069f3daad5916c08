/*
 * qk.cu: bias and RMSNorm of the query and key parts of qkv [rows, (heads + 2*kv_heads) * head_dim], with gradients.
 *
 * Bound by memory: 8 bytes an element forward (values are copied only when not in place), 12 backward and 8 more for gains.
 */
#include "rows.cuh"

constexpr int THREADS = 256;

#define CHECK_SHAPE(op) \
    do { \
        NEED(op, s); \
        EXTENT(op, rows, 0); \
        EXTENT(op, heads, 1); \
        EXTENT(op, kv_heads, 1); \
        EXTENT(op, head_dim, 1); \
    } while (0)

/* out = qkv + bias on the first changed columns, qkv beyond; columns from first on. */
__global__ void bias_kernel(const float *qkv, const float *bias, int64_t rows, int64_t width, int64_t first, int64_t columns,
    int64_t changed, float *out)
{
    for (int64_t i = first_index(); i < rows * columns; i += index_step()) {
        int64_t r = i / columns, c = first + i % columns;
        float x = qkv[r * width + c];
        out[r * width + c] = c < changed ? x + bias[c] : x;
    }
}

static void copy_values(rondo_stream *s, const float *from, int64_t rows, int64_t width, int64_t values, float *to)
{
    if (from == to) return;
    int64_t first = width - values;
    const float *none = nullptr;
    LAUNCH(bias_kernel, blocks_for(rows * values, THREADS), THREADS, 0, s->stream, from, none, rows, width, first, values, first, to);
}

int32_t rondo_qk_bias(rondo_stream *s, const float *qkv, const float *bias, int64_t rows, int64_t heads, int64_t kv_heads,
    int64_t head_dim, float *out)
{
    CHECK_SHAPE(qk_bias);
    if (rows == 0) return RONDO_OK;
    NEED(qk_bias, qkv);
    NEED(qk_bias, bias);
    NEED(qk_bias, out);
    int64_t width = (heads + 2 * kv_heads) * head_dim, changed = (heads + kv_heads) * head_dim;
    int64_t columns = out == qkv ? changed : width, first = 0;
    LAUNCH(bias_kernel, blocks_for(rows * columns, THREADS), THREADS, 0, s->stream, qkv, bias, rows, width, first, columns, changed, out);
    return launched(s, "rondo_qk_bias");
}

struct BiasTerm {
    const float *dout;
    int64_t ld;
    __device__ float operator()(int64_t r, int64_t c) const { return dout[r * ld + c]; }
};

int32_t rondo_qk_bias_grad(rondo_stream *s, const float *dout, int64_t rows, int64_t heads, int64_t kv_heads, int64_t head_dim,
    int32_t accumulate, float *dbias)
{
    CHECK_SHAPE(qk_bias_grad);
    NEED(qk_bias_grad, dbias);
    if (rows > 0) NEED(qk_bias_grad, dout);
    int64_t n = (heads + kv_heads) * head_dim;
    CHECK_SUMS(qk_bias_grad, n);
    sum_columns(s, BiasTerm{dout, (heads + 2 * kv_heads) * head_dim}, rows, n, accumulate, dbias);
    return launched(s, "rondo_qk_bias_grad");
}

int32_t rondo_qk_norm(rondo_stream *s, const float *qkv, const float *q_gain, const float *k_gain, float eps, int64_t rows, int64_t heads,
    int64_t kv_heads, int64_t head_dim, float *out, float *rstd)
{
    CHECK_SHAPE(qk_norm);
    if (rows == 0) return RONDO_OK;
    NEED(qk_norm, qkv);
    NEED(qk_norm, q_gain);
    NEED(qk_norm, k_gain);
    NEED(qk_norm, out);
    int64_t q = heads * head_dim, k = kv_heads * head_dim, width = q + 2 * k;
    launch_norm(s, Rows{qkv, width}, nullptr, q_gain, eps, rows, q, nullptr, out, width, rstd, 2);
    launch_norm(s, Rows{qkv + q, width}, nullptr, k_gain, eps, rows, k, nullptr, out + q, width, rstd ? rstd + 1 : nullptr, 2);
    copy_values(s, qkv, rows, width, k, out);
    return launched(s, "rondo_qk_norm");
}

struct QkGainTerm {
    const float *x, *rstd, *dy;
    int64_t ld;
    __device__ float operator()(int64_t r, int64_t c) const { return dy[r * ld + c] * x[r * ld + c] * rstd[2 * r]; }
};

int32_t rondo_qk_norm_grad(rondo_stream *s, const float *qkv, const float *q_gain, const float *k_gain, const float *rstd,
    const float *dout, int64_t rows, int64_t heads, int64_t kv_heads, int64_t head_dim, float *dqkv, int32_t accumulate_gains,
    float *dq_gain, float *dk_gain)
{
    CHECK_SHAPE(qk_norm_grad);
    REQUIRE((dq_gain == nullptr) == (dk_gain == nullptr),
        "rondo_qk_norm_grad: one of dq_gain and dk_gain is null, expected both or neither");
    if (rows > 0) {
        NEED(qk_norm_grad, qkv);
        NEED(qk_norm_grad, q_gain);
        NEED(qk_norm_grad, k_gain);
        NEED(qk_norm_grad, rstd);
        NEED(qk_norm_grad, dout);
        NEED(qk_norm_grad, dqkv);
    }
    int64_t q = heads * head_dim, k = kv_heads * head_dim, width = q + 2 * k;
    /* Before dqkv, which may be dout. */
    if (dq_gain) {
        CHECK_SUMS(qk_norm_grad, q);
        sum_columns(s, QkGainTerm{qkv, rstd, dout, width}, rows, q, accumulate_gains, dq_gain);
        sum_columns(s, QkGainTerm{qkv + q, rstd + 1, dout + q, width}, rows, k, accumulate_gains, dk_gain);
    }
    if (rows > 0) {
        launch_norm_grad(s, Rows{qkv, width}, q_gain, rstd, 2, Rows{dout, width}, nullptr, rows, q, dqkv, width);
        launch_norm_grad(s, Rows{qkv + q, width}, k_gain, rstd + 1, 2, Rows{dout + q, width}, nullptr, rows, k, dqkv + q, width);
        copy_values(s, dout, rows, width, k, dqkv);
    }
    return launched(s, "rondo_qk_norm_grad");
}
